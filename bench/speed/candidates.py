"""What can be timed: presets and sizes on runtimes, with the shipped weights or else with random ones.

The time of a hop does not depend on what the weights are.
"""

from importlib.util import find_spec
from pathlib import Path

from ...core.extras import needs_extra
from ...errors import InputError
from ...kernels.build import find_compiler
from ...models.config import ModelConfig, preset
from ...models.store.registry import graph_files, is_shipped
from ...stream.runtimes import Runtime, load_runtime

#: Runtimes that need nothing but a package or a compiler; any other is measured where it is named.
USUAL = ("onnx", "eager", "native")
#: Runtimes that can use more than one thread.
THREADED = frozenset({"eager"})


def available_runtimes() -> list[str]:
    """Those of `USUAL` whose packages, or whose compiler, are installed."""
    can = {
        "onnx": True,
        "eager": has_torch(),
        "native": find_compiler() is not None,
    }
    return [name for name in USUAL if can[name]]


def has_torch() -> bool:
    """Whether torch is installed."""
    return find_spec("torch") is not None


def set_torch_threads(threads: int) -> None:
    """Let torch use so many threads in this process, where it is installed."""
    if has_torch():
        import torch

        torch.set_num_threads(threads)


def load_candidate(model: str, runtime: str, folder: Path) -> Runtime:
    """One stream of a preset.

    Args:
        model: name of a preset.
        runtime: name of a runtime.
        folder: where `prepare_graphs` wrote.

    Raises:
        InputError: unknown model or runtime, or one that cannot run here.
    """
    if is_shipped(model):
        return load_runtime(model, runtime)
    if runtime == "onnx":
        from ...stream.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(*graph_files(model, folder))
    if runtime == "native":
        from ...models.store.tensor_file import read_tensors
        from ...stream.runtimes.native import NativeRuntime

        tensors = read_tensors(folder / f"{model}.safetensors")
        return NativeRuntime(preset(model), tensors, graph_files(model, folder)[1])
    return load_untrained(preset(model), runtime)


def prepare_graphs(model: str, runtime: str, folder: Path) -> None:
    """Write graphs and random weights of a preset that ships without any, where the runtime wants them.

    Raises:
        InputError: there is no such preset, or export needs a package that is not installed.
    """
    if runtime not in ("onnx", "native") or is_shipped(model) or (folder / f"{model}.onnx").is_file():
        return
    try:
        from safetensors.torch import save_file

        from ...models.lite_avse import build
        from ...models.store.export import export_graphs
    except ImportError as error:
        raise needs_extra(
            f"no weights ship with model '{model}', and to time it untrained on '{runtime}'", "train", error
        ) from error
    net = build(model).eval()
    export_graphs(net, folder)
    save_file(net.state_dict(), folder / f"{model}.safetensors")


def load_untrained(config: ModelConfig, runtime: str) -> Runtime:
    """One stream of a model of any size, with random weights.

    Raises:
        InputError: the runtime does not serve such a model, or cannot be built here.
    """
    from ...models.lite_avse import LiteAVSEMamba

    net = LiteAVSEMamba(config).eval()
    if runtime == "eager":
        from ...stream.runtimes.eager import EagerRuntime

        return EagerRuntime(net)
    if runtime == "native":
        from ...stream.runtimes.native import NativeRuntime

        return NativeRuntime(config, {name: tensor.numpy() for name, tensor in net.state_dict().items()})
    raise InputError(f"runtime '{runtime}' needs weights that ship: use 'eager' for model '{config.name}'")
