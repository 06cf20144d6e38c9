"""How a running session goes, in words: one plain line, a few plain rows, or rows with every number."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..controls import NO_LIMIT_DB, strength_words
from ..live.stats import DeviceState, LiveStats, PipelineStats
from ..video.camera.status import CameraState
from .keys import KEYS, View

if TYPE_CHECKING:
    from ..video.camera.status import CameraStatus

#: Title and text.
Row = tuple[str, str]

#: Seconds after which devices run steadily if ever.
SETTLED_S = 3.0
#: The level at which a meter is empty.
_QUIET_DBFS = -60.0
_METER_CELLS = 12

_CAMERA_WORDS = {
    CameraState.STARTING: "the camera starts",
    CameraState.TRACKING: "the camera sees your face",
    CameraState.NO_FACE: "the camera sees no face",
    CameraState.BLACK: "the picture is black: is the lens covered?",
    CameraState.FROZEN: "the picture does not move",
    CameraState.LOST: "the camera is gone, looking for it",
    CameraState.FAILING: "the camera fails",
    CameraState.STOPPED: "the camera has stopped",
}


def status_line(stats: LiveStats) -> str:
    """All that matters in one plain line."""
    pipeline = stats.pipeline
    parts = [
        clock_time(stats.running_s),
        f"in {pipeline.input_dbfs:.0f} dBFS",
        f"out {pipeline.output_dbfs:.0f} dBFS",
        f"video {video_words(stats.camera, stats.video)}, alpha {pipeline.alpha:.2f}",
        f"latency {delay_words(stats)}",
        load_words(pipeline),
        xrun_words(pipeline),
        f"drift {pipeline.drift_ppm:+.0f} ppm",
        *switches(stats),
        *(f"{device.name} gone" for device in (stats.input, stats.output) if not device.alive),
    ]
    return " | ".join(parts)


def rows(stats: LiveStats, view: View, incoming: LiveStats | None = None) -> Iterator[Row]:
    """Title and text of each row of a panel.

    Args:
        stats: of the session for the microphone.
        view: what is to be shown.
        incoming: of the session for what one hears, if there is one.
    """
    yield from _detailed_rows(stats) if view.details else _plain_rows(stats)
    if incoming is not None:
        yield "hear", f"{bar_of(incoming.pipeline.output_dbfs)} {_incoming_words(incoming)}"
    if view.keys:
        yield from KEYS
    else:
        yield "keys", "? shows them  q quits"


def _plain_rows(stats: LiveStats) -> Iterator[Row]:
    pipeline = stats.pipeline
    yield "mic", f"{bar_of(pipeline.input_dbfs)} {_device(stats.input)}"
    listener = "" if stats.listened is not False else " (nobody listens yet)"
    yield "to", f"{bar_of(pipeline.output_dbfs)} {_device(stats.output)}{listener}"
    yield "voice", _voice_words(stats)
    if stats.camera is not None:
        yield "lips", _lips_words(stats.camera, stats.video, pipeline.alpha)
    yield "delay", delay_words(stats)
    if pipeline.output_underruns or pipeline.input_overflows:
        lost = pipeline.output_underruns + pipeline.input_overflows
        yield "lost", f"sound broke off {lost} time{'s' if lost > 1 else ''}: is the computer busy?"
    yield clock_time(stats.running_s), _recorded(stats) or "running"


def _detailed_rows(stats: LiveStats) -> Iterator[Row]:
    pipeline = stats.pipeline
    yield "in", f"{meter(pipeline.input_dbfs)}  {device_words(stats.input)}"
    yield "out", f"{meter(pipeline.output_dbfs)}  {device_words(stats.output)}"
    yield (
        "lips",
        f"{bar(pipeline.alpha)} {pipeline.alpha:5.2f} alpha  {video_words(stats.camera, stats.video)}",
    )
    yield "delay", pipeline.latency.text() if pipeline.latency.known else delay_words(stats)
    yield "load", f"{load_words(pipeline)}, {xrun_words(pipeline)}, drift {pipeline.drift_ppm:+.0f} ppm"
    words = ", ".join(switches(stats)) or f"suppression {strength_words(stats.atten_limit_db)}"
    yield clock_time(stats.running_s), words


def meter(dbfs: float) -> str:
    """A level as a bar and a number."""
    return f"{bar_of(dbfs)} {dbfs:5.0f} dBFS"


def bar_of(dbfs: float) -> str:
    """A level as a bar."""
    return bar(1 - dbfs / _QUIET_DBFS)


def bar(share: float) -> str:
    """A bar of a fixed width, filled to a share in [0, 1]."""
    filled = round(_METER_CELLS * min(max(share, 0.0), 1.0))
    return "█" * filled + "·" * (_METER_CELLS - filled)


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def device_words(device: DeviceState) -> str:
    """Name and rate, or that it is gone."""
    return f"{device.name}, {device.rate / 1000:g} kHz" + ("" if device.alive else " (gone, looking for it)")


def video_words(camera: "CameraStatus | None", enabled: bool) -> str:
    """The state of the face, and what is wrong where something is."""
    if camera is None:
        return "none"
    words = f"{camera.state}, {camera.fps:.0f} fps" if camera.fps else str(camera.state)
    if camera.reason:
        words += f" ({camera.reason})"
    return words if enabled else f"off ({words})"


def delay_words(stats: LiveStats) -> str:
    """What the program adds, or why nobody can say."""
    latency = stats.pipeline.latency
    if latency.known:
        return f"{latency.added_ms:.0f} ms"
    if stats.running_s <= SETTLED_S:
        return "not known yet"
    listens = stats.listened is not False
    reason = "the devices do not run steadily" if listens else "nobody listens to the virtual microphone"
    return f"unknown: {reason}"


def load_words(pipeline: PipelineStats) -> str:
    """How busy the worker is."""
    return f"RTF {pipeline.rtf:.2f}, hop p50 {pipeline.hop_p50_ms:.1f} p99 {pipeline.hop_p99_ms:.1f} ms"


def xrun_words(pipeline: PipelineStats) -> str:
    """Sound that was lost."""
    words = f"xruns in {pipeline.input_overflows} out {pipeline.output_underruns}"
    words += f" damaged {pipeline.input_damaged}" if pipeline.input_damaged else ""
    return words + (f" cuts {pipeline.latency_cuts}" if pipeline.latency_cuts else "")


def switches(stats: LiveStats) -> Iterator[str]:
    """The controls that are not as usual."""
    if stats.bypass:
        yield "BYPASS"
    if stats.mute:
        yield "MUTED"
    if stats.atten_limit_db < NO_LIMIT_DB:
        yield f"suppression {strength_words(stats.atten_limit_db)}"
    if recorded := _recorded(stats):
        yield recorded


def _recorded(stats: LiveStats) -> str:
    return "" if stats.recorded_s is None else f"recorded {clock_time(stats.recorded_s)}"


def _device(device: DeviceState) -> str:
    return device.name if device.alive else f"{device.name} (gone, looking for it)"


def _voice_words(stats: LiveStats) -> str:
    if stats.mute:
        return "MUTED: press space to talk"
    if stats.bypass:
        return "BYPASS: as it is, not cleaned (b cleans it)"
    return f"on; suppression {strength_words(stats.atten_limit_db)}"


def _incoming_words(stats: LiveStats) -> str:
    how = "BYPASS: as it is (i cleans it)" if stats.bypass else "cleaned"
    return f"{_device(stats.input)}, {how}, delay {delay_words(stats)}"


def _lips_words(camera: "CameraStatus", enabled: bool, alpha: float) -> str:
    if not enabled:
        return "off (v turns them on)"
    words = camera.reason or _CAMERA_WORDS[camera.state]
    return f"{words}, lips count {alpha:.0%}" if camera.state == CameraState.TRACKING else words
