"""Enhance a file as a live stream would be: block by block, in memory that does not grow with its length."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Float32
from ..errors import InputError
from ..models.config import SAMPLE_LIMIT
from ..models.store.registry import ModelName, find_parent_folder
from .audio_files import AudioReader, AudioWriter, check_output, open_audio
from .controls import NO_LIMIT_DB
from .defaults import AUTO, DEFAULT_MODEL, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, AvOffset
from .enhancer import Enhancer
from .file_options import FileOptions
from .lag.av_lag import HeardSound
from .latency import LatencyBudget
from .lips_bound import load_bounded_runtime
from .media.companions import ATTACHING, Companions, tags_to_carry
from .media.formats import choose_format, choose_piped, holds_cover, holds_pictures, is_lossy
from .media.layout import AudioLayout, measured_bit_rate
from .media.riff import chunks_to_carry
from .media.sources import is_pipe
from .offset.file_offset import MEASURED_S, FileOffset
from .runtimes import chosen_runtime
from .runtimes.base import Runtime
from .video.lips.feed import LipsFeed, open_lips

#: Called now and then with the seconds done and the seconds there are.
Progress = Callable[[float, float], None]
#: Called after each block with the seconds done, the confidence in the video (mean over channels), how many
#: frames of the video lay in the block, and how many of them had a usable face.
Watch = Callable[[float, float, int, int], None]


@dataclass(frozen=True)
class FileReport:
    """What `enhance_file` did.

    Attributes:
        source: the input file.
        output: the output file.
        sample_rate: of both, in Hz.
        channels: of both.
        runtime: that ran.
        duration_s: length of both.
        elapsed_s: time that reading, enhancing and writing took, the loading of the model not counted.
        latency: of the stream; the file itself is aligned with its input.
        mean_alpha: mean confidence in the video over all hops and channels, in [0, 1].
        video_frames: frames of the video within the length of the audio; 0 without video.
        face_frames: those of them with a usable face.
        av_offset_ms: what was taken off the times of the video, in ms; with "auto" as it was measured.
        measured_av_offset_ms: how late the video was, as sound and lips tell, at the end; None: they do not.
        limited_samples: samples of all channels that were limited to +-8 (+18 dBFS).
        input_dbfs, output_dbfs: RMS level of all channels before and after, in dBFS; None: silence.
        warnings: what the user should know, one line each.
    """

    source: str
    output: str
    sample_rate: int
    channels: int
    runtime: str
    duration_s: float
    elapsed_s: float
    latency: LatencyBudget
    mean_alpha: float
    video_frames: int
    face_frames: int
    av_offset_ms: float
    measured_av_offset_ms: float | None
    limited_samples: int
    input_dbfs: float | None
    output_dbfs: float | None
    warnings: tuple[str, ...]

    @property
    def rtf(self) -> float:
        """Real-time factor: time taken for each second of the file (all its channels)."""
        return self.elapsed_s / self.duration_s

    @property
    def face_share(self) -> float:
        """The share of the video's frames that had a usable face, in [0, 1]."""
        return self.face_frames / self.video_frames if self.video_frames else 0.0

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON; latency as `LatencyBudget.as_dict`."""
        computed = {"rtf": self.rtf, "face_share": self.face_share, "latency": self.latency.as_dict()}
        return asdict(self) | computed


class LoadedModel:
    """A model that one file after the other uses, so that it is loaded once.

    Args:
        model: as for `Enhancer`.
        runtime: name of a runtime; "auto": the fastest that starts at once.

    Attributes:
        runtime: name of the runtime that runs.

    Raises:
        InputError: an unknown model or runtime, or one that cannot run here.
    """

    def __init__(self, model: ModelName = DEFAULT_MODEL, runtime: str = AUTO) -> None:
        self.model, self.runtime = model, chosen_runtime(model, runtime)
        self._channels: list[Runtime] = []
        self.channels(1)

    def channels(self, count: int) -> list[Runtime]:
        """A stream for each of so many channels: those of the last file, which an `Enhancer` resets."""
        while len(self._channels) < count:
            self._channels.append(load_bounded_runtime(self.model, self.runtime))
        return self._channels[:count]


def enhance_file(
    src: str | Path,
    dst: str | Path,
    *,
    video: str | Path | None = None,
    face_model: str | Path | None = None,
    av_offset_ms: AvOffset = 0.0,
    model: ModelName = DEFAULT_MODEL,
    runtime: str = AUTO,
    atten_limit_db: float = NO_LIMIT_DB,
    chunk_ms: float = FileOptions.chunk_ms,
    progress: Progress | None = None,
    watch: Watch | None = None,
    loaded: LoadedModel | None = None,
) -> FileReport:
    """Enhance an audio file into another one of the same length, rate and channels, aligned with it.

    Args:
        src: any file with sound that libsndfile or FFmpeg reads (WAV, FLAC, MP3, M4A, MP4, MKV, ...), 6 to
            192 kHz, or ``-`` for standard input. Each channel is enhanced as a stream of its own. What is
            damaged becomes silence and a warning.
        dst: where to write, in the format its extension names, at the resolution or bit rate of `src`, with
            its tags; ``-`` for standard output. Where the format holds pictures, those of `src` and its
            further tracks are copied. A file there is replaced, but only by a complete one.
        video: video of the speaker; None: audio only. It may be `src` itself; that of another file has its
            time 0 where the audio has. One without a face gets a warning, not an error. With models that see
            crops it is experimental: see `Enhancer`.
        face_model: path of ``face_landmarker.task``; None finds or fetches it.
        av_offset_ms: how late the video is, in ms, as for `Enhancer`; "auto" measures it over the first ten
            minutes beforehand, and is 0 where nothing is found.
        model: as for `Enhancer`.
        runtime: name of a runtime; "auto": the fastest that starts at once.
        atten_limit_db: as for `Enhancer`.
        chunk_ms: length of the blocks read and enhanced; the output does not depend on it.
        progress: called after each block with the seconds done and the seconds there are.
        watch: called after each block with what the lips did, see `Watch`.
        loaded: a model to use, one file at a time, in place of `model` and `runtime`.

    Raises:
        InputError: `src` or `video` cannot be read, `dst` cannot be written or is an input as well, a bad
            option.
    """
    source, target = Path(src), Path(dst)
    FileOptions(chunk_ms=chunk_ms)  # checks it
    if video is not None and find_parent_folder(model) is not None:
        raise InputError(f"model '{model}' hears only: leave out the video")
    with ExitStack() as stack:
        reader = stack.enter_context(open_audio(source))
        layout = reader.layout
        check_output(target, [source] if video is None else [source, Path(video)])
        output_layout = _output_layout(source, target, layout)
        loaded = loaded or LoadedModel(model, runtime)
        enhancers = [
            Enhancer(loaded.model, layout.sample_rate, stream, atten_limit_db)
            for stream in loaded.channels(layout.channels)
        ]
        blocks = reader.blocks(round(layout.sample_rate * chunk_ms / 1000))
        started = time.perf_counter()
        first = next(blocks)  # only then is it known when the sound starts
        origin_s = reader.start_s if video is not None and _same(source, Path(video)) else 0.0
        sound = HeardSound(layout.sample_rate, memory_s=MEASURED_S)
        lips = stack.enter_context(
            open_lips(_path(video), _path(face_model), enhancers[0].lips, origin_s, sound.agreement)
        )
        offset = FileOffset(av_offset_ms, source, sound, lips, enhancers, loaded.model, loaded.runtime)
        output = stack.enter_context(_opened_output(source, target, reader, output_layout, stack))
        before, after = _Level(), _Level()
        heard = map(before.add, chain([first], blocks))
        frames = _stream(heard, enhancers, lips, layout, output, progress, watch, offset, after)
    limited = sum(enhancer.limited_samples for enhancer in enhancers)
    of_lips = (*lips.warnings(frames / layout.sample_rate), *offset.warnings()) if lips else ()
    of_output = (*_codec_warning(source, target, layout, output_layout), *_rate_warning(output, layout))
    return FileReport(
        source=str(source),
        output=str(target),
        sample_rate=layout.sample_rate,
        channels=layout.channels,
        runtime=loaded.runtime,
        duration_s=frames / layout.sample_rate,
        elapsed_s=time.perf_counter() - started,
        latency=enhancers[0].latency,
        mean_alpha=float(np.mean([enhancer.mean_alpha for enhancer in enhancers])),
        video_frames=lips.video_frames if lips else 0,
        face_frames=lips.face_frames if lips else 0,
        av_offset_ms=offset.ms,
        measured_av_offset_ms=offset.found_ms,
        limited_samples=limited,
        input_dbfs=before.dbfs,
        output_dbfs=after.dbfs,
        warnings=(*reader.warnings, *_warnings(limited), *of_output, *output.warnings, *of_lips),
    )


class _Level:
    """The RMS level of sound that comes by in blocks."""

    def __init__(self) -> None:
        self._energy, self._samples = 0.0, 0

    def add(self, block: Float32) -> Float32:
        """Count a block, and hand it on."""
        self._energy += float(np.square(block, dtype=np.float64).sum())
        self._samples += block.size
        return block

    @property
    def dbfs(self) -> float | None:
        """In dB of full scale; None of silence."""
        return round(10 * math.log10(self._energy / self._samples), 2) if self._energy else None


def _warnings(limited: int) -> tuple[str, ...]:
    """What the user should know of the sound."""
    if not limited:
        return ()
    most = f"{SAMPLE_LIMIT:g} times full scale"
    return (f"samples beyond {most} were limited to it ({limited}): scale the file to [-1, 1]",)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _output_layout(source: Path, target: Path, layout: AudioLayout) -> AudioLayout:
    """What the output will say of itself; InputError for a rate or an extension out of reach."""
    if not MIN_SAMPLE_RATE <= layout.sample_rate <= MAX_SAMPLE_RATE:
        raise InputError(
            f"{source} has {layout.sample_rate} Hz: "
            f"resample it to {MIN_SAMPLE_RATE}-{MAX_SAMPLE_RATE} Hz first"
        )
    if is_pipe(target):
        # What has no extension goes on as FLAC where it came so, else as WAV.
        named = target if target.suffix else Path("pipe.flac" if layout.format == "FLAC" else "pipe.wav")
        container, subtype = choose_piped(named, layout.subtype)
    else:
        container, subtype = choose_format(target, source, layout.format, layout.subtype)
    return replace(layout, format=container, subtype=subtype, bit_rate=_bit_rate(source, layout, subtype))


def _bit_rate(source: Path, layout: AudioLayout, subtype: str) -> int:
    """That of the source, where both are compressed so that it counts; 0: the encoder's own."""
    if not is_lossy(layout.subtype) or not is_lossy(subtype):
        return 0
    return layout.bit_rate or measured_bit_rate(source)


def _opened_output(
    source: Path, target: Path, reader: AudioReader, layout: AudioLayout, stack: ExitStack
) -> AudioWriter:
    """The output, with all that comes along from the source."""
    companions = None
    attached = (reader.has_attached or reader.has_cover) and not is_pipe(source)
    if (reader.has_more and holds_pictures(layout.format)) or (attached and layout.format == ATTACHING):
        companions = stack.enter_context(Companions(source, "all"))
    elif (reader.has_cover or reader.has_chapters) and not is_pipe(source):
        companions = stack.enter_context(
            Companions(source, "cover" if holds_cover(layout.format) else "chapters")
        )
    return AudioWriter(
        target,
        layout,
        start_s=reader.start_s if companions is not None and reader.has_more else 0.0,
        tags=tags_to_carry(reader.tags),
        chunks=[] if is_pipe(source) else chunks_to_carry(source),
        companions=companions,
    )


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _codec_warning(source: Path, target: Path, before: AudioLayout, after: AudioLayout) -> tuple[str, ...]:
    """That a file of the same kind has another codec inside, which its name does not tell."""
    if before.subtype == after.subtype or is_pipe(target) or source.suffix.lower() != target.suffix.lower():
        return ()
    return (f"{before.subtype} became {after.subtype}: there is no encoder of it for {after.format} files",)


def _rate_warning(output: AudioWriter, layout: AudioLayout) -> tuple[str, ...]:
    if output.sample_rate == layout.sample_rate:
        return ()
    told = f"{output.codec} has no {layout.sample_rate} Hz: the output has {output.sample_rate} Hz"
    if output.sample_rate < layout.sample_rate:
        told += f" and nothing above {output.sample_rate / 2000:g} kHz (-o NAME.flac keeps it)"
    return (told,)


def _stream(
    blocks: Iterator[Float32],
    enhancers: list[Enhancer],
    lips: LipsFeed | None,
    layout: AudioLayout,
    output: AudioWriter,
    progress: Progress | None,
    watch: Watch | None,
    offset: FileOffset,
    level: _Level,
) -> int:
    """Enhance all blocks, leaving the lag out at the start and flushing it at the end; returns the frames.

    ``level`` is told what is written.
    """
    frames = 0
    lag = enhancers[0].latency_samples
    for block in blocks:
        frames += len(block)
        now_s = frames / layout.sample_rate
        seen = _counted(lips)
        crops = offset.lips_until(now_s, block)
        enhanced = [enhancer.process(block[:, c], crops) for c, enhancer in enumerate(enhancers)]
        output.write(level.add(np.stack(enhanced, axis=1)[lag:]))
        lag = max(0, lag - len(block))
        offset.look(now_s)
        if progress is not None:
            progress(now_s, layout.duration_s)
        if watch is not None:
            alpha = float(np.mean([enhancer.alpha for enhancer in enhancers]))
            watch(now_s, alpha, *(now - before for now, before in zip(_counted(lips), seen, strict=True)))
    output.write(level.add(np.stack([enhancer.flush() for enhancer in enhancers], axis=1)[lag:]))
    return frames


def _counted(lips: LipsFeed | None) -> tuple[int, int]:
    """Frames of the video so far, and those of them with a usable face."""
    return (lips.video_frames, lips.face_frames) if lips else (0, 0)
