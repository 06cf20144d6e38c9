"""Runtimes: the same streaming model on ONNX Runtime, on torch, or compiled for the processor."""

from ...errors import InputError
from .base import NO_VIDEO_AGE_S, Runtime, StreamSpec

__all__ = ["AUTO", "NO_VIDEO_AGE_S", "RUNTIMES", "Runtime", "StreamSpec", "fastest_runtime", "load_runtime"]

#: Names that `load_runtime` knows, the default first.
RUNTIMES = ("onnx", "eager", "native")
#: In place of a name: `fastest_runtime`.
AUTO = "auto"


def fastest_runtime(model: str) -> str:
    """The fastest runtime that starts at once: 'native' if it was built here before, else 'onnx'."""
    from .native import NativeRuntime

    return "native" if NativeRuntime.is_built(model) else "onnx"


def load_runtime(model: str, runtime: str = "onnx") -> Runtime:
    """One stream of a shipped model.

    Args:
        model: name of a preset.
        runtime: one of `RUNTIMES`, or `AUTO`.

    Raises:
        InputError: unknown model or runtime, weights that do not ship, a package that is not installed, or no
            C++ compiler for 'native'.
    """
    if runtime == AUTO:
        runtime = fastest_runtime(model)
    if runtime == "onnx":
        from .onnx import OnnxRuntime

        return OnnxRuntime.of_preset(model)
    if runtime == "eager":
        try:
            from .eager import EagerRuntime
        except ImportError as error:
            raise InputError(
                f"runtime 'eager' needs torch: pip install 'lipstream[torch]', or use 'onnx' ({error})"
            ) from error
        return EagerRuntime.of_preset(model)
    if runtime == "native":
        from .native import NativeRuntime

        return NativeRuntime.of_preset(model)
    raise InputError(f"unknown runtime '{runtime}': choose one of {', '.join((*RUNTIMES, AUTO))}")
