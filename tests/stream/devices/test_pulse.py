"""What is asked of the sound server, and what is read out of its answers."""

import json
from typing import Any

import pytest

from lipstream.stream.devices import pulse
from lipstream.stream.devices.pulse import pulse_server, route


def source(index: int, name: str, **properties: str) -> dict[str, Any]:
    form = "s16le 1ch 48000Hz"
    return {"index": index, "name": name, "sample_specification": form, "properties": properties}


def stream(recorded: int, group: str) -> dict[str, Any]:
    return {"index": 90 + recorded, "source": recorded, "properties": {"node.link-group": group}}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """What the server lists."""
    listed: dict[str, list[dict[str, Any]]] = {"sources": [], "sinks": [], "source-outputs": []}
    keys = ("server_name", "server_version", "default_source_name", "default_sink_name")
    info = dict.fromkeys(keys, "")
    monkeypatch.setattr(pulse, "_json", lambda *words: info if words == ("info",) else listed[words[1]])
    return listed


def masters() -> dict[str, str]:
    server = pulse_server()
    assert server is not None
    return {device.name: device.master for device in server.sources}


def test_a_source_says_itself_whose_sound_it_gives(answers: Any) -> None:
    del answers["source-outputs"]  # not asked for
    answers["sources"] = [source(1, "mic"), source(2, "copy", **{"device.master_device": "mic"})]
    assert masters() == {"mic": "", "copy": "mic"}


def test_or_the_stream_in_its_group_does(answers: Any) -> None:
    copies = [source(index, name, **{"node.link-group": name}) for index, name in ((2, "copy"), (3, "twice"))]
    answers["sources"] = [source(1, "mic"), *copies]
    answers["source-outputs"] = [stream(1, "copy"), stream(2, "twice"), {"index": 99, "source": 1}]
    assert masters() == {"mic": "", "copy": "mic", "twice": "copy"}


def test_a_source_made_of_several_has_no_master(answers: Any) -> None:
    answers["sources"] = [source(1, "mic"), source(2, "sink.monitor"), source(3, "cleaned")]
    answers["sources"][2]["properties"] = {"node.link-group": "echo-cancel"}
    answers["source-outputs"] = [stream(1, "echo-cancel"), stream(2, "echo-cancel")]
    assert not any(masters().values())


@pytest.mark.parametrize("name", ["alsa_input.usb-0d8c:00", 'a b="c"', "ünï"])
def test_any_name_reaches_pipewire_whole(name: str) -> None:
    told = json.loads(route("output", name)["PIPEWIRE_ALSA"])
    assert told["target.object"] == told["lipstream.device"] == name
    assert not told["stream.capture.sink"]


def test_pipewire_is_asked_for_the_sink_behind_a_monitor() -> None:
    told = json.loads(route("input", "speakers.monitor")["PIPEWIRE_ALSA"])
    assert (told["target.object"], told["stream.capture.sink"]) == ("speakers", True)
    assert route("input", "speakers.monitor")["PULSE_SOURCE"] == "speakers.monitor"
