"""Compiled kernels for the CPU: a streaming step (``infer``) and pieces of training (``train``)."""
