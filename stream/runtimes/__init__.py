"""Runtimes: the same streaming model on ONNX Runtime, on torch, on a GPU, or compiled for the processor."""

from collections.abc import Callable

from ...core.extras import needs_extra
from ...errors import InputError
from ...kernels.build import find_compiler
from ...models.store.folder import Description
from ...models.store.registry import ModelName, find_parent_folder, has_graphs, has_weights
from ..defaults import AUTO, RUNTIMES
from .base import NO_VIDEO_AGE_S, PoolRuntime, Runtime, StreamSpec

__all__ = [
    "NO_VIDEO_AGE_S",
    "RUNTIMES",
    "PoolRuntime",
    "Runtime",
    "StreamSpec",
    "chosen_runtime",
    "load_pool",
    "load_runtime",
]

#: What runs a parent, a model that hears whole recordings: torch alone, or with `PCS` behind it.
WHOLE, PCS = "eager", "pcs"


def chosen_runtime(model: ModelName, runtime: str = AUTO) -> str:
    """The runtime that a name stands for: itself, or for `AUTO` the fastest one that starts at once.

    That is 'native' where its step came with the package or was compiled here before, else 'onnx': nobody
    waits for a compiler who did not ask for 'native' (or ran ``lipstream doctor``). A model without graphs,
    such as the folder of a training, is compiled, or where no compiler is runs in torch ('eager'). So does a
    model that hears whole recordings.
    """
    if runtime != AUTO:
        return runtime
    if find_parent_folder(model) is not None:
        return WHOLE
    from .native import NativeRuntime

    if NativeRuntime.library_of(model) is not None:
        return "native"
    if has_graphs(model) or not has_weights(model):
        return "onnx"
    return "native" if NativeRuntime.serves(model) and find_compiler() else "eager"


def load_runtime(model: ModelName, runtime: str = AUTO) -> Runtime:
    """One stream of a model.

    Args:
        model: see `models.store.registry.find_model`; or the folder of a parent, which lags by seconds.
        runtime: one of `RUNTIMES`, or `AUTO`; for a parent `WHOLE` or `PCS`.

    Raises:
        InputError: unknown model or runtime, weights that are not there, a package that is not installed, no
            C++ compiler for 'native', or no GPU for 'cuda-graph'.
    """
    if (parent := find_parent_folder(model)) is not None:
        return _load_parent(parent, runtime)
    load, _ = _loaders(chosen_runtime(model, runtime))
    return load(model)


def load_pool(model: ModelName, streams: int, runtime: str = AUTO) -> PoolRuntime:
    """Many streams of a model, stepped together.

    Args:
        model: see `models.store.registry.find_model`.
        streams: how many, at least 1.
        runtime: one of `RUNTIMES`, or `AUTO`.

    Raises:
        InputError: as `load_runtime`.
    """
    _, load = _loaders(chosen_runtime(model, runtime))
    return load(model, streams)


def _load_parent(found: Description, runtime: str) -> Runtime:
    if runtime not in (AUTO, WHOLE, PCS):
        raise InputError(
            f"'{found.folder}' hears whole recordings: use the runtime '{WHOLE}', or '{PCS}', which "
            f"stretches the perceptual contrast of what comes out, not '{runtime}'"
        )
    try:
        from .whole import WholeRuntime
    except ImportError as error:
        raise needs_extra(f"model '{found.folder}'", "torch", error) from error
    return WholeRuntime.of_folder(found, pcs=runtime == PCS)


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
        raise needs_extra(f"runtime '{runtime}' (unlike 'onnx')", "torch", error) from error
    if runtime == "eager":
        return eager.EagerRuntime.of_preset, eager.EagerPool.of_preset
    return cuda_graph.CudaGraphRuntime.of_preset, cuda_graph.CudaGraphPool.of_preset
