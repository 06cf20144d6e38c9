"""Triton twins of `kernels.reference.fused`, for CUDA. `kernels.dispatch` alone imports them."""
