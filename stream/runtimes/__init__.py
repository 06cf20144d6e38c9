"""Runtimes: the same streaming model on ONNX Runtime, on torch, on a GPU, or compiled for the processor."""

from collections.abc import Callable

from ...core.extras import needs_extra
from ...errors import InputError
from .base import NO_VIDEO_AGE_S, PoolRuntime, Runtime, StreamSpec

__all__ = [
    "AUTO",
    "NO_VIDEO_AGE_S",
    "RUNTIMES",
    "PoolRuntime",
    "Runtime",
    "StreamSpec",
    "chosen_runtime",
    "load_pool",
    "load_runtime",
]

#: Names that `load_runtime` and `load_pool` know.
RUNTIMES = ("onnx", "eager", "native", "cuda-graph")
#: In place of a name, and the default everywhere: see `chosen_runtime`.
AUTO = "auto"


def chosen_runtime(model: str, runtime: str = AUTO) -> str:
    """The runtime that a name stands for: itself, or for `AUTO` the fastest one that starts at once.

    That is 'native' where its step came with the package or was compiled here before, else 'onnx': nobody
    waits for a compiler who did not ask for 'native' (or ran ``lipstream doctor``).
    """
    if runtime != AUTO:
        return runtime
    from .native import NativeRuntime

    return "onnx" if NativeRuntime.library_of(model) is None else "native"


def load_runtime(model: str, runtime: str = AUTO) -> Runtime:
    """One stream of a shipped model.

    Args:
        model: name of a preset.
        runtime: one of `RUNTIMES`, or `AUTO`.

    Raises:
        InputError: unknown model or runtime, weights that do not ship, a package that is not installed, no
            C++ compiler for 'native', or no GPU for 'cuda-graph'.
    """
    load, _ = _loaders(chosen_runtime(model, runtime))
    return load(model)


def load_pool(model: str, streams: int, runtime: str = AUTO) -> PoolRuntime:
    """Many streams of a shipped model, stepped together.

    Args:
        model: name of a preset.
        streams: how many, at least 1.
        runtime: one of `RUNTIMES`, or `AUTO`.

    Raises:
        InputError: as `load_runtime`.
    """
    _, load = _loaders(chosen_runtime(model, runtime))
    return load(model, streams)


def _loaders(runtime: str) -> tuple[Callable[[str], Runtime], Callable[[str, int], PoolRuntime]]:
    """What loads one stream of a model, and what loads many."""
    if runtime == "onnx":
        from .onnx import OnnxPool, OnnxRuntime

        return OnnxRuntime.of_preset, OnnxPool.of_preset
    if runtime == "native":
        from .native import NativePool, NativeRuntime

        return NativeRuntime.of_preset, NativePool.of_preset
    if runtime not in RUNTIMES:
        raise InputError(f"unknown runtime '{runtime}': choose one of {', '.join((*RUNTIMES, AUTO))}")
    try:
        from . import cuda_graph, eager
    except ImportError as error:
        raise needs_extra(f"runtime '{runtime}' (unlike 'onnx')", "torch", error) from error
    if runtime == "eager":
        return eager.EagerRuntime.of_preset, eager.EagerPool.of_preset
    return cuda_graph.CudaGraphRuntime.of_preset, cuda_graph.CudaGraphPool.of_preset
