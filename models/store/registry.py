"""What is known of a model without torch: its stream, and where its weights and graphs lie."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import InputError
from ..config import PRESETS, ModelConfig
from .folder import PARENTS, STEM, Description, check_file, describe
from .hub import fetch, is_hub_id

#: Age in seconds that stands for "there is no video": far beyond where alpha has faded to exactly 0.
NO_VIDEO_AGE_S = 1e6
#: What models see of a face: pixels of the mouth, or points of the face.
LipsKind = Literal["crops", "landmarks"]


@dataclass(frozen=True)
class StreamSpec:
    """What a caller must know of a wave-to-wave streaming model.

    Attributes:
        name: name of the preset, e.g. ``lite``.
        sample_rate: the model's own rate in Hz.
        window_samples: length of the analysis window; the output of a hop lags its input by ``window - hop``.
        hop_samples: samples taken and given by one call.
        embedding_size: length of the visual embedding, or of the cue.
        lips_size: side of the square lip crop in pixels.
        lips: what its visual encoder sees: ``crops``, through `Runtime.encode_lips`, or ``landmarks``,
            through `Runtime.see`.
        lookahead_samples: that the output lags besides, while the model looks ahead at the video.
    """

    name: str
    sample_rate: int
    window_samples: int
    hop_samples: int
    embedding_size: int
    lips_size: int
    lips: LipsKind = "crops"
    lookahead_samples: int = 0

    @property
    def latency_samples(self) -> int:
        """Of a stream at the model's own rate: a window, and what it looks ahead."""
        return self.window_samples + self.lookahead_samples

    @classmethod
    def of(cls, config: ModelConfig) -> "StreamSpec":
        """The description of a model's stream."""
        return cls(
            name=config.name,
            sample_rate=config.stft.sample_rate,
            window_samples=config.stft.window,
            hop_samples=config.stft.hop,
            embedding_size=config.visual.embedding_size,
            lips_size=config.visual.lips_size,
            lips="landmarks" if config.sees_landmarks else "crops",
            lookahead_samples=config.lookahead_samples,
        )


WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"
#: How a user names a model: a preset, a folder, or an id of the Hub.
ModelName = str | os.PathLike[str]


@dataclass(frozen=True)
class StoredModel:
    """A streaming model and its files, there or not: see `require_file`.

    Attributes:
        config: of the model.
        weights: the safetensors file.
        graphs: of a hop, and of a lip crop. Where lips are landmarks: of a hop of audio alone, of a tick of
            encoder C, and of a hop with lips.
    """

    config: ModelConfig
    weights: Path
    graphs: tuple[Path, ...]


def find_model(name: ModelName) -> StoredModel:
    """The model that a user means.

    A preset's name wins over a folder of that name, a folder that is there over an id of the Hub. The network
    is used for such an id alone, and only if it is not in the Hub's cache.

    Args:
        name: of a preset; a folder as `lipstream export` or `lipstream train` writes it; ``org/name`` or
            ``org/name@revision`` of the Hub.

    Raises:
        InputError: there is no such model, its folder is damaged, it hears whole recordings, or it cannot
            be fetched.
    """
    text = os.fspath(name)
    if text in PRESETS:
        config, weights = PRESETS[text], WEIGHTS_FOLDER / f"{text}.safetensors"
        return StoredModel(config, weights, _graphs(config, WEIGHTS_FOLDER, text))
    found = describe(find_folder(text))
    config = found.config()
    if not config.causal:
        raise InputError(
            f"'{text}' holds the offline form of '{config.name}', which hears whole recordings: use it with "
            f"lipstream evaluate --system {text}"
        )
    return StoredModel(config, found.weights, _graphs(config, found.folder, STEM))


def find_folder(name: str) -> Path:
    """The folder of a model that is no preset, see `find_model`.

    Raises:
        InputError: there is none.
    """
    place = Path(name).expanduser()
    if name and place.is_dir():
        return place
    if place.is_file():
        raise InputError(
            f"'{name}' is a file, and a model is a folder: make one with "
            "lipstream export PRESET --weights FILE --out-dir DIR"
        )
    if is_hub_id(name):
        return fetch(name)
    raise InputError(
        f"unknown model '{name}': choose one of {', '.join(PRESETS)}, a model folder, or an id of the Hub "
        "such as org/name"
    )


def hears_whole(name: ModelName) -> bool:
    """Whether a model hears whole recordings only: a parent, or the offline form of another.

    Raises:
        InputError: there is no such model, or its folder is damaged.
    """
    text = os.fspath(name)
    if text in PRESETS or text in PARENTS:
        return text in PARENTS
    found = describe(find_folder(text))
    return found.kind in PARENTS or not found.config().causal


def find_parent_folder(name: ModelName) -> Description | None:
    """The folder of a parent that a user means; None where it is another model, or none at all."""
    text = os.fspath(name)
    if text in PRESETS or not (Path(text).expanduser().is_dir() or is_hub_id(text)):
        return None
    found = describe(find_folder(text))
    return found if found.kind in PARENTS else None


def _graphs(config: ModelConfig, folder: Path, stem: str) -> tuple[Path, ...]:
    ends = ("", "-cue", "-gate") if config.sees_landmarks else ("", "-lips")
    return tuple(folder / f"{stem}{end}.onnx" for end in ends)


def weights_file(name: ModelName) -> Path:
    """The safetensors file of a model, there or not; raises as `find_model`."""
    return find_model(name).weights


def graph_files(name: ModelName) -> tuple[Path, ...]:
    """The ONNX graphs of a model, there or not, see `StoredModel`; raises as `find_model`."""
    return find_model(name).graphs


def has_graphs(name: ModelName) -> bool:
    """Whether the graphs of a model are there."""
    return all(path.is_file() for path in graph_files(name))


def has_weights(name: ModelName) -> bool:
    """Whether the weights of a model are there."""
    return weights_file(name).is_file()


def shipped_presets() -> list[str]:
    """The presets that ship with graphs, be they all there or not."""
    return sorted(name for name in PRESETS if graph_files(name)[0].is_file())


def require_file(path: Path, name: ModelName) -> Path:
    """A file of a model, if it is there and whole.

    Raises:
        InputError: it is not; the message says what can be used, and how to make this one.
    """
    if path.parent != WEIGHTS_FOLDER:
        check_file(path)
    elif not path.is_file():
        raise InputError(
            f"no weights ship with model '{name}' ({path.name} is missing): use one of "
            f"{', '.join(shipped_presets()) or 'none'}, or train it and name the folder of the training"
        )
    return path
