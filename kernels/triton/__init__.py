"""Triton twins of `kernels.fused`, for CUDA. `kernels.dispatch` alone imports them."""
