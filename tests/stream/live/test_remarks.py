"""A silent microphone is remarked on by its name, once for each silence."""

from dataclasses import replace

import pytest

from lipstream.stream.devices.endpoints import AudioSource
from lipstream.stream.devices.portaudio import StreamSettings
from lipstream.stream.devices.virtual_speakers import VirtualSpeakersSource
from lipstream.stream.live.remarks import SILENT_DBFS, SILENT_S, Remarks
from lipstream.tests.stream.live.stage import Endpoint
from lipstream.tests.stream.ui.looks import PIPELINE


def said(levels: list[tuple[float, float]], source: AudioSource) -> list[str]:
    lines: list[str] = []
    remarks = Remarks(lines.append)
    for now_s, dbfs in levels:
        remarks.look(now_s, replace(PIPELINE, input_dbfs=dbfs), source)
    return lines


@pytest.fixture
def microphone() -> Endpoint:
    source = Endpoint("Built-in Microphone")
    source.alive = True
    return source


def test_ten_silent_seconds_are_remarked_on_once_for_each_silence(microphone: Endpoint) -> None:
    silent, quiet = SILENT_DBFS - 1, SILENT_DBFS + 1
    lines = said([(0.0, silent), (SILENT_S - 0.1, silent)], microphone)
    assert not lines
    lines = said([(float(s), silent) for s in range(60)], microphone)
    assert len(lines) == 1
    assert "'Built-in Microphone'" in lines[0]
    assert "muted" in lines[0]
    talk = [(30.0, quiet), *((float(s), silent) for s in range(31, 60))]
    assert len(said([(float(s), silent) for s in range(30)] + talk, microphone)) == 2


def test_a_microphone_that_hears_its_own_noise_or_is_looked_for_is_not_remarked_on(
    microphone: Endpoint,
) -> None:
    assert not said([(float(s), SILENT_DBFS + 1) for s in range(60)], microphone)
    speakers = VirtualSpeakersSource(StreamSettings())
    assert not said([(float(s), -120.0) for s in range(60)], speakers)
    microphone.alive = False
    assert not said([(float(s), -120.0) for s in range(60)], microphone)
