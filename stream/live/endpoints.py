"""Where a session's sound comes from and goes to, as its configuration says."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..devices.endpoints import AudioSink, AudioSource
from ..devices.feedback import loudspeaker_warning, refuse_feedback
from ..devices.file_endpoints import FileSink, FileSource
from ..devices.portaudio import PortAudioSink, PortAudioSource, StreamSettings
from ..devices.portaudio_host import refresh_devices
from ..devices.virtual_endpoint import VirtualEndpoint
from ..devices.virtual_mic import DEFAULT_NAME, VirtualMicSink
from ..dsp.clock import Clock
from .config import LiveConfig
from .pipeline import LivePipeline
from .watchdog import Watchdog, Watched

Tell = Callable[[str], None]


def choose_endpoints(
    config: LiveConfig, source: AudioSource | None, sink: AudioSink | None, tell: Tell
) -> tuple[AudioSource, AudioSink]:
    """Source and sink of a session, not started yet; those that are given stay as they are.

    Raises:
        InputError: there is none such, not with this rate or channel, or one would hear the other.
    """
    source = source or _source(config)
    sink = sink or _sink(config, source)
    _refuse_feedback(source, sink)
    if isinstance(source, PortAudioSource) and isinstance(sink, PortAudioSink):
        warning = loudspeaker_warning(source.device, sink.device)
        if warning is not None:
            tell(f"warning: {warning}")
    for kind, info in (("input", source.info), ("output", sink.info)):
        tell(f"{kind} {info.name}, {info.rate / 1000:g} kHz, blocks of {1000 * info.block / info.rate:g} ms")
    return source, sink


def watch_over(
    source: AudioSource, sink: AudioSink, pipeline: LivePipeline, clock: Clock, tell: Tell
) -> Watchdog:
    """What starts both ends of a pipeline, and opens them again where they are lost."""
    watched = [
        Watched("output", sink, pipeline.render, *_device_of(sink)),
        Watched("input", source, pipeline.capture, *_device_of(source)),
    ]
    devices = (PortAudioSource, PortAudioSink, VirtualEndpoint)
    refresh = refresh_devices if isinstance(source, devices) or isinstance(sink, devices) else None
    return Watchdog(watched, clock, tell, refresh, partial(_refuse_feedback, source, sink))


def _source(config: LiveConfig) -> AudioSource:
    if isinstance(config.input, Path):
        return FileSource(config.input, config.channel or 1)
    return PortAudioSource(
        StreamSettings(config.input, config.sample_rate, config.block, channel=config.channel)
    )


def _sink(config: LiveConfig, source: AudioSource) -> AudioSink:
    if isinstance(config.output, Path):
        return FileSink(config.output, config.sample_rate or source.info.rate)
    settings = StreamSettings(config.output, config.sample_rate, config.block)
    if config.virtual_mic:
        return VirtualMicSink(settings, DEFAULT_NAME if config.virtual_mic is True else config.virtual_mic)
    return PortAudioSink(settings)


def _device_of(endpoint: AudioSource | AudioSink) -> tuple[Callable[[], str | None], ...]:
    """How to ask where a device belongs; nothing for what is no device."""
    return (endpoint.current_device,) if isinstance(endpoint, PortAudioSource | PortAudioSink) else ()


def _refuse_feedback(source: AudioSource, sink: AudioSink) -> None:
    if isinstance(source, PortAudioSource) and isinstance(sink, PortAudioSink):
        refuse_feedback(source.device, sink.device)
