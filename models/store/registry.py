"""What is known of a preset without torch: its stream, and where its shipped weights and graphs lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import InputError
from ..config import ModelConfig, preset

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
    """

    name: str
    sample_rate: int
    window_samples: int
    hop_samples: int
    embedding_size: int
    lips_size: int
    lips: LipsKind = "crops"

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
            lips="landmarks" if config.visual.encoder == "landmarks" else "crops",
        )


WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"


def weights_file(name: str) -> Path:
    """The safetensors file of a preset, shipped or not.

    Raises:
        InputError: there is no such preset.
    """
    return WEIGHTS_FOLDER / f"{preset(name).name}.safetensors"


#: Ends of the names of graphs that go with the graph of a hop.
_BESIDE = ("-lips", "-cue", "-gate")


def graph_files(name: str, folder: Path = WEIGHTS_FOLDER) -> tuple[Path, ...]:
    """The ONNX graphs of a preset, there or not.

    Args:
        name: of the preset.
        folder: where they lie; by default those that ship.

    Returns:
        Of a hop, and of a lip crop. Where lips are landmarks: of a hop of audio alone, of a tick of encoder
        C, and of a hop with the voice gate.

    Raises:
        InputError: there is no such preset.
    """
    config = preset(name)
    ends = ("", "-lips") if config.gate is None else ("", "-cue", "-gate")
    return tuple(folder / f"{config.name}{end}.onnx" for end in ends)


def is_shipped(name: str) -> bool:
    """Whether the graphs of a preset are there."""
    return all(path.is_file() for path in graph_files(name))


def shipped_presets() -> list[str]:
    """The presets whose graphs are there."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob("*.onnx") if not path.stem.endswith(_BESIDE))


def require_shipped(path: Path, name: str) -> Path:
    """The path, if it is there.

    Raises:
        InputError: it is not; the message names the presets that can be used, and how to make this one.
    """
    if not path.is_file():
        raise InputError(
            f"no weights ship with model '{name}' ({path.name} is missing): use one of "
            f"{', '.join(shipped_presets()) or 'none'}, or train it and run 'lipstream export {name}'"
        )
    return path
