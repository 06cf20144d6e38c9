"""What is evaluated: models of this project on a runtime, and folders that another program has enhanced."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from ...errors import InputError
from ...stream.enhancer import Enhancer
from ...stream.runtimes import Runtime, load_runtime
from ..data.builtin import Float32, Item
from ..data.custom import Recordings, align_length, audio_files, read_speech, require_names
from ..evaluation.results import NOISY
from ..metrics.intrusive import SAMPLE_RATE
from .chunks import StampedLips, lips_of, trace_in_chunks

#: What a model may get to see: the video as it is, a covered lens, a stuck camera, somebody else's video.
VIDEOS = ("good", "black", "frozen", "stuck", "wrong")

#: How a model is named: ``[NAME=]MODEL[:RUNTIME][@WEIGHTS]``.
_MODEL = re.compile(r"(?P<model>[\w-]+)(:(?P<runtime>[\w-]+))?(@(?P<weights>.+))?")


class Output(NamedTuple):
    """One signal: float32 ``[samples]`` at 16 kHz, and the confidence in the video every 20 ms, if any."""

    wave: Float32
    alpha: list[float] | None = None


class System(Protocol):
    """Something that enhances recordings."""

    @property
    def name(self) -> str:
        """What its signals are called in reports."""
        ...

    def outputs(self, item: Item) -> dict[str, Output]:
        """Its signals of a recording by name."""
        ...


@dataclass(frozen=True)
class ModelSystem:
    """A streaming model, which hears 20 ms at a time; its delay is taken out.

    Attributes:
        name: in reports.
        enhancer: at 16 kHz; one stream for all recordings, one after the other.
        videos: which of `VIDEOS` to show it, beside enhancing from sound alone.
        clips: speaker and file of the videos to take a wrong one from.
        model, runtime: of the preset, for the table of complexity.
    """

    name: str
    enhancer: Enhancer
    videos: Sequence[str] = ()
    clips: Sequence[tuple[str, Path]] = ()
    model: str = ""
    runtime: str = ""

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME`` from sound alone, and ``NAME + video``, ``NAME + black video``, ... where there is one."""
        _require_noisy(item)
        outputs = {self.name: Output(trace_in_chunks(self.enhancer, item.noisy)[0])}
        if item.video is None:
            return outputs
        for kind in self.videos:
            lips = shown_lips(kind, item, self.clips)
            if lips:
                outputs[video_signal(self.name, kind)] = Output(
                    *trace_in_chunks(self.enhancer, item.noisy, lips)
                )
        return outputs


class FolderSystem:
    """A folder of recordings that are enhanced already, each named as its recording or its noisy file.

    Args:
        name: in reports.
        folder: of audio files.
        recordings: what will be evaluated.

    Raises:
        InputError: the folder lacks a file.
    """

    def __init__(self, name: str, folder: Path, recordings: Sequence[Recordings]) -> None:
        self.name = name
        self._files = {stem.removesuffix(".noisy"): path for stem, path in audio_files(folder).items()}
        require_names([name for entry in recordings for name in entry.ids], self._files, f"'{folder}'")

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME``: the file of the recording."""
        path = self._files[item.id]
        return {self.name: Output(align_length(read_speech(path), item.clean.size, f"'{path}'"))}


class OfflineSystem:
    """The bidirectional offline form of a preset with weights of its own, on whole recordings, sound alone.

    It is what the streaming model is held against: how much the future is worth.

    Args:
        name: in reports.
        preset: name of the preset.
        weights: a safetensors file.

    Raises:
        InputError: no such preset or file, or weights that do not fit.
    """

    def __init__(self, name: str, preset: str, weights: Path) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from ...models.lite_avse import build
        from ...models.wave import WaveModel

        self.name = name
        net = build(preset, causal=False)
        try:
            net.load_state_dict(load_file(weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise InputError(f"'{weights}' holds no weights of the offline form of '{preset}'") from error
        self._model = WaveModel(net.eval())

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME``, its delay taken out."""
        import torch

        _require_noisy(item)
        stft = self._model.net.config.stft
        lag = stft.window - stft.hop
        padded = np.pad(item.noisy, (0, lag + -(item.noisy.size + lag) % stft.hop))
        with torch.inference_mode():
            wave = self._model(torch.from_numpy(padded)[None])[0][0].numpy()
        return {self.name: Output(wave[lag : lag + item.noisy.size])}


def video_signal(system: str, kind: str) -> str:
    """The name of what a system makes with a video of this kind."""
    return f"{system} + video" if kind == "good" else f"{system} + {kind} video"


def shown_lips(kind: str, item: Item, clips: Sequence[tuple[str, Path]]) -> StampedLips:
    """What a camera of some kind shows of the speaker of a recording; nothing where it cannot be made.

    Args:
        kind: one of `VIDEOS`. ``black`` keeps the times of the frames, ``frozen`` repeats the first one at
            them, ``stuck`` stands still from half way, ``wrong`` is the next clip of another speaker.
        item: has a video.
        clips: speaker and file of all videos of the set.
    """
    assert item.video is not None
    if kind == "wrong":
        files = [path for _, path in clips]
        start = files.index(item.video) + 1 if item.video in files else 0
        others = [path for speaker, path in [*clips[start:], *clips[:start]] if speaker != item.speaker]
        return lips_of(others[0]) if others else []
    lips = lips_of(item.video)
    if kind == "black":
        return [(time_s, np.zeros_like(crop)) for time_s, crop in lips]
    if kind == "frozen":
        return [(time_s, lips[0][1]) for time_s, _ in lips]
    if kind == "stuck":
        half = len(lips) // 2
        return [*lips[:half], *((time_s, lips[half][1]) for time_s, _ in lips[half:])]
    return lips


def parse_system(text: str, videos: Sequence[str], recordings: Sequence[Recordings]) -> System:
    """Make a system of how a user names it.

    Args:
        text: ``[NAME=]FOLDER`` of enhanced files, or ``[NAME=]MODEL[:RUNTIME][@WEIGHTS]``: a preset, on
            ``onnx`` (the default), ``eager`` or ``offline``. Weights are a safetensors file, or a folder that
            ``lipstream export`` wrote.
        videos: as in `ModelSystem`.
        recordings: what will be enhanced.

    Raises:
        InputError: no such folder, model, runtime or weights.
    """
    name, _, spec = text.rpartition("=")
    if Path(spec).is_dir():
        return FolderSystem(name or Path(spec).resolve().name, Path(spec), recordings)
    match = _MODEL.fullmatch(spec)
    if match is None or name == NOISY:
        raise InputError(f"system '{text}' is neither a folder nor [NAME=]MODEL[:RUNTIME][@WEIGHTS]")
    weights = Path(match["weights"]) if match["weights"] else None
    model = match["model"]
    if match["runtime"] == "offline":
        if weights is None:
            raise InputError(f"system '{text}': the offline form ships no weights, name them: {spec}@WEIGHTS")
        return OfflineSystem(name or f"{model} offline", model, weights)
    graphs = weights is not None and weights.is_dir()
    runtime_name = match["runtime"] or ("onnx" if weights is None or graphs else "eager")
    runtime = _runtime(model, runtime_name, weights)
    clips = [clip for entry in recordings for clip in entry.videos]
    shown = name or (weights.stem if weights and not graphs else model)
    return ModelSystem(shown, Enhancer(model, SAMPLE_RATE, runtime), videos, clips, model, runtime_name)


def _require_noisy(item: Item) -> None:
    if not item.noisy.size:
        raise InputError(f"'{item.id}' has no noisy recording to enhance: name the folder with --noisy")


def _runtime(model: str, name: str, weights: Path | None) -> Runtime:
    if weights is None:
        return load_runtime(model, name)
    if name == "onnx":
        from ...stream.runtimes.onnx import OnnxRuntime

        graph = weights / f"{model}.onnx"
        if not graph.is_file():
            raise InputError(f"'{weights}' holds no {graph.name}: make it with 'lipstream export {model}'")
        return OnnxRuntime(graph, weights / f"{model}-lips.onnx")
    if name == "eager":
        from ...models.store.checkpoint import load_model
        from ...stream.runtimes.eager import EagerRuntime

        return EagerRuntime(load_model(model, weights))
    raise InputError(f"weights go with the runtimes onnx (a folder of graphs), eager, offline, not '{name}'")
