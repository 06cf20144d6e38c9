"""What can be timed: models and sizes on runtimes, with their weights or else with random ones.

The time of a hop does not depend on what the weights are.
"""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from ...core.extras import needs_extra
from ...errors import InputError
from ...kernels.build import find_compiler
from ...models.config import ModelConfig
from ...models.store.registry import find_model, has_graphs, has_weights
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
    """One stream of a model.

    Args:
        model: see `find_model`.
        runtime: name of a runtime.
        folder: where `prepare_graphs` wrote.

    Raises:
        InputError: unknown model or runtime, or one that cannot run here.
    """
    made = _made_folder(model, folder)
    if made.is_dir():
        return load_runtime(made, runtime)
    return (
        load_runtime(model, runtime)
        if has_weights(model)
        else load_untrained(find_model(model).config, runtime)
    )


def prepare_graphs(model: str, runtime: str, folder: Path) -> None:
    """Write a folder of a model that has no graphs or no weights, where the runtime wants them.

    Without weights of its own it gets random ones.

    Raises:
        InputError: there is no such model, or export needs a package that is not installed.
    """
    there = {"onnx": has_graphs, "native": has_weights}.get(runtime)
    made = _made_folder(model, folder)
    if there is None or there(model) or made.is_dir():
        return
    try:
        from ...models.lite_avse import build
        from ...models.store.checkpoint import load_model
        from ...models.store.pack import write_folder
    except ImportError as error:
        raise needs_extra(
            f"model '{model}' has no graphs or no weights, and to time it on '{runtime}' all the same",
            "train",
            error,
        ) from error
    write_folder(load_model(model) if has_weights(model) else build(model).eval(), {}, made)


def _made_folder(model: str, folder: Path) -> Path:
    """Where `prepare_graphs` writes what it makes of a model."""
    return folder / quote(model, safe="")


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
    raise InputError(f"runtime '{runtime}' needs weights: use 'eager' for model '{config.name}'")
