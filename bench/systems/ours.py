"""Models of this project: streaming on a runtime, with a video of several kinds, and the offline form."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from ...core.arrays import Float32, UInt8
from ...models.config import ModelConfig
from ...stream.enhancer import Enhancer
from ...stream.runtimes.base import LipsKind
from ..data.recordings import Item, require_noisy
from ..speed.cost import OFFLINE, Cost, measure_costs
from .base import Output, System

#: What a model may get to see: the video as it is, a covered lens, a stuck camera, somebody else's video.
VIDEOS = ("good", "black", "frozen", "stuck", "wrong")

#: A chunk as a sound device would hand it over: 20 ms.
CHUNK_SAMPLES = 320

#: Hops that are timed for the cost of a system.
COST_HOPS = 400

StampedLips = Sequence[tuple[float, UInt8 | Float32]]


class ModelSystem(System):
    """A streaming model, which hears 20 ms at a time; its delay is taken out.

    Args:
        name: in reports.
        enhancer: at 16 kHz; one stream for all recordings, one after the other.
        videos: which of `VIDEOS` to show it, beside enhancing audio-only.
        clips: speaker and file of the videos to take a wrong one from.
        model, runtime: of the preset, for its cost; empty where that is not known.
    """

    def __init__(
        self,
        name: str,
        enhancer: Enhancer,
        videos: Sequence[str] = (),
        clips: Sequence[tuple[str, Path]] = (),
        model: str = "",
        runtime: str = "",
    ) -> None:
        self.name, self.model, self.runtime = name, model, runtime
        self.clips = clips
        self._enhancer, self._videos = enhancer, videos

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME`` audio-only, and ``NAME + video``, ``NAME + black video``, ... where there is one."""
        require_noisy(item)
        outputs = {self.name: Output(enhance_in_chunks(self._enhancer, item.noisy)[0])}
        if item.video is None:
            return outputs
        for kind in self._videos:
            lips = shown_lips(kind, item, self.clips, self._enhancer.lips)
            if lips:
                signal = video_signal(self.name, kind)
                outputs[signal] = Output(*enhance_in_chunks(self._enhancer, item.noisy, lips))
        return outputs

    def cost(self) -> Cost | None:
        """Measured with the preset's own weights, or random ones where none ship: time does not differ."""
        return replace(_cost(self.model, self.runtime), name=self.name) if self.model else None


class OfflineSystem(System):
    """The bidirectional offline form of a model with weights of its own, on whole recordings, audio only.

    It is what the streaming model is held against: how much the future is worth.

    Args:
        name: in reports.
        config: of the offline form.
        weights: a safetensors file.
        model: the preset or folder, for its cost.

    Raises:
        InputError: no such file, or weights that do not fit.
    """

    def __init__(self, name: str, config: ModelConfig, weights: Path, model: str) -> None:
        from ...models.store.checkpoint import load_weights
        from ...models.wave import WaveModel

        self.name, self._preset = name, model
        self._model = WaveModel(load_weights(config, weights))

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME``, its delay taken out."""
        import torch

        require_noisy(item)
        stft = self._model.net.config.stft
        lag = stft.window - stft.hop
        padded = np.pad(item.noisy, (0, lag + -(item.noisy.size + lag) % stft.hop))
        with torch.inference_mode():
            wave = self._model(torch.from_numpy(padded)[None])[0][0].numpy()
        return {self.name: Output(wave[lag : lag + item.noisy.size])}

    def cost(self) -> Cost:
        """Measured on a recording of a few seconds."""
        return replace(_cost(self._preset, OFFLINE), name=self.name)


class ParentSystem(System):
    """A parent, published or trained here, on whole recordings, audio-only.

    Args:
        name: in reports.
        parent: one of `models.parents.registry.PARENTS`.
        weights: as `load_parent` takes them.
        folder: the model folder they are in, for its cost; by default it is not known.
        pcs: stretch the perceptual contrast of what comes out.

    Raises:
        InputError: no such file, or weights that do not fit.
    """

    def __init__(
        self, name: str, parent: str, weights: Path, folder: str | None = None, pcs: bool = False
    ) -> None:
        from ...models.parents.registry import load_parent

        self.name, self._folder, self._pcs = name, folder, pcs
        self._model = load_parent(parent, weights)

    def outputs(self, item: Item) -> dict[str, Output]:
        """``NAME``."""
        import torch

        from ...models.parents.inference import enhance_offline

        require_noisy(item)
        enhanced = enhance_offline(self._model, torch.from_numpy(item.noisy)[None], self._pcs)
        return {self.name: Output(enhanced[0].numpy())}

    def cost(self) -> Cost | None:
        """Measured on noise of a few seconds; None of a bare file, whose sizes may be unusual."""
        return None if self._folder is None else replace(_cost(self._folder, OFFLINE), name=self.name)


def enhance_in_chunks(
    enhancer: Enhancer, wave: Float32, lips: StampedLips = ()
) -> tuple[Float32, list[float]]:
    """Enhance a whole recording chunk by chunk, take the latency out, and watch the confidence in the video.

    Args:
        enhancer: is reset first.
        wave: float32 ``[samples]`` at the enhancer's rate.
        lips: as the model sees them, with their times in seconds; each counts from its time on.

    Returns:
        float32 ``[samples]``, aligned with ``wave``, and alpha at the end of each chunk of `CHUNK_SAMPLES`.
    """
    enhancer.reset()
    pieces, alpha = [], []
    for start in range(0, wave.size, CHUNK_SAMPLES):
        pieces.append(enhancer.process(wave[start : start + CHUNK_SAMPLES], lips if start == 0 else None))
        alpha.append(enhancer.alpha)
    pieces.append(enhancer.flush())
    return np.concatenate(pieces)[enhancer.latency_samples :], alpha


@lru_cache(maxsize=4)  # one video belongs to several recordings, which follow each other
def lips_of(video: Path, kind: LipsKind) -> StampedLips:
    """The lips of a video, crops or landmarks, with their times in seconds; without a face there are none.

    Raises:
        InputError: as `lipstream.stream.video.files.read_lips`.
    """
    from ...stream.video.files import read_lips

    frames = read_lips(video, lips=kind)
    shown = [(frame.time_s, frame.landmarks if kind == "landmarks" else frame.crop) for frame in frames]
    return [(time_s, lips) for time_s, lips in shown if lips is not None]


def video_signal(system: str, kind: str) -> str:
    """The name of what a system makes with a video of this kind."""
    return f"{system} + video" if kind == "good" else f"{system} + {kind} video"


def shown_lips(
    kind: str, item: Item, clips: Sequence[tuple[str, Path]], seen: LipsKind = "crops"
) -> StampedLips:
    """What a camera of some kind shows of the speaker of a recording; nothing where it cannot be made.

    Args:
        kind: one of `VIDEOS`. ``black`` keeps the times of the frames, ``frozen`` repeats the first one at
            them, ``stuck`` stands still from half way, ``wrong`` is the next clip of another speaker.
        item: has a video.
        clips: speaker and file of all videos of the set.
        seen: what the model sees of a face; all landmarks at 0 are no face, as a black video shows none.
    """
    assert item.video is not None
    if kind == "wrong":
        files = [path for _, path in clips]
        start = files.index(item.video) + 1 if item.video in files else 0
        others = [path for speaker, path in [*clips[start:], *clips[:start]] if speaker != item.speaker]
        return lips_of(others[0], seen) if others else []
    lips = lips_of(item.video, seen)
    if kind == "black":
        return [(time_s, np.zeros_like(shown)) for time_s, shown in lips]
    if kind == "frozen":
        return [(time_s, lips[0][1]) for time_s, _ in lips]
    if kind == "stuck":
        half = len(lips) // 2
        return [*lips[:half], *((time_s, lips[half][1]) for time_s, _ in lips[half:])]
    return lips


@cache
def _cost(model: str, runtime: str) -> Cost:
    """One measurement for all systems of the same preset on the same runtime."""
    return measure_costs([(model, runtime)], COST_HOPS)[0]
