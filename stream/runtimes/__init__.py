"""Runtimes: the same streaming model on ONNX Runtime, on torch, on a GPU, or compiled for the processor."""

from collections.abc import Callable

from ...errors import InputError
from ...models.store.registry import ModelName
from .base import NO_VIDEO_AGE_S, PoolRuntime, Runtime, StreamSpec

__all__ = [
    "AUTO",
    "NO_VIDEO_AGE_S",
    "RUNTIMES",
    "PoolRuntime",
    "Runtime",
    "StreamSpec",
    "fastest_runtime",
    "load_pool",
    "load_runtime",
]

#: Names that `load_runtime` and `load_pool` know, the default first.
RUNTIMES = ("onnx", "eager", "native", "cuda-graph")
#: In place of a name: `fastest_runtime`.
AUTO = "auto"


def fastest_runtime(model: ModelName) -> str:
    """The fastest runtime that starts at once: 'native' if it was built here before, else 'onnx'."""
    from .native import NativeRuntime

    return "native" if NativeRuntime.is_built(model) else "onnx"


def load_runtime(model: ModelName, runtime: str = "onnx") -> Runtime:
    """One stream of a model.

    Args:
        model: see `models.store.registry.find_model`.
        runtime: one of `RUNTIMES`, or `AUTO`.

    Raises:
        InputError: unknown model or runtime, weights that are not there, a package that is not installed, no
            C++ compiler for 'native', or no GPU for 'cuda-graph'.
    """
    load, _ = _loaders(fastest_runtime(model) if runtime == AUTO else runtime)
    return load(model)


def load_pool(model: ModelName, streams: int, runtime: str = "onnx") -> PoolRuntime:
    """Many streams of a model, stepped together.

    Args:
        model: see `models.store.registry.find_model`.
        streams: how many, at least 1.
        runtime: one of `RUNTIMES`, or `AUTO`.

    Raises:
        InputError: as `load_runtime`.
    """
    _, load = _loaders(fastest_runtime(model) if runtime == AUTO else runtime)
    return load(model, streams)


def _loaders(runtime: str) -> tuple[Callable[[ModelName], Runtime], Callable[[ModelName, int], PoolRuntime]]:
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
        raise InputError(
            f"runtime '{runtime}' needs torch: pip install 'lipstream[torch]', or use 'onnx' ({error})"
        ) from error
    if runtime == "eager":
        return eager.EagerRuntime.of_preset, eager.EagerPool.of_preset
    return cuda_graph.CudaGraphRuntime.of_preset, cuda_graph.CudaGraphPool.of_preset
