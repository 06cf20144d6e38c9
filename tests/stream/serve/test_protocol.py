"""What a client may say: all else is refused with a line that names the fix, and never with a traceback."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.stream.serve.protocol import (
    EndMessage,
    Hello,
    LipsMessage,
    RefusalError,
    SetMessage,
    decode,
    encode,
    parse_hello,
    parse_message,
)

FACE = [[1.0, 2.0, 3.0]] * 44


def test_a_hello_says_what_a_stream_is() -> None:
    assert parse_hello('{"rate": 16000}') == Hello(16_000)
    text = '{"rate": 48000.0, "format": "float32", "atten_limit_db": 12, "bypass": true, "token": "t"}'
    assert parse_hello(text) == Hello(48_000, "float32", 12, True, True, "t")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (None, "send {"),
        ("sound", "must be JSON"),
        ("[1]", "JSON object"),
        ("[" * 100_000, "must be JSON"),
        ("{}", 'no "rate"'),
        ('{"rate": 1000}', "6000 to 192000"),
        ('{"rate": "16000"}', "whole number"),
        ('{"rate": null}', "whole number"),
        ('{"rate": 16000, "format": "mp3"}', '"int16" or "float32"'),
        ('{"rate": 16000, "format": ["int16"]}', '"int16" or "float32"'),
        ('{"rate": 16000, "sample_format": "int16"}', "this message takes rate, format"),
        ('{"rate": 16000, "bypass": 1}', "true or false"),
        ('{"rate": 16000, "atten_limit_db": true}', "a number of dB"),
        ('{"rate": 16000, "atten_limit_db": -1}', "at least 0 dB"),
        ('{"rate": 16000, "atten_limit_db": 1' + "0" * 400 + "}", "too large"),
        ('{"rate": 16000, "token": 1}', "must be a string"),
    ],
)
def test_what_is_no_hello_is_refused(text: str | None, fix: str) -> None:
    with pytest.raises(RefusalError, match=fix) as caught:
        parse_hello(text)
    assert caught.value.code == "bad_hello"
    assert json.loads(caught.value.as_json())["type"] == "error"


def test_messages_are_lips_controls_and_an_end() -> None:
    lips = parse_message(json.dumps({"type": "lips", "time_s": 1, "landmarks": FACE}))
    assert isinstance(lips, LipsMessage)
    assert (lips.time_s, lips.landmarks.shape) == (1.0, (44, 3))
    assert lips.landmarks.dtype == np.float32
    assert parse_message('{"type": "set", "video": false}') == SetMessage({"video": False})
    assert parse_message('{"type": "end"}') == EndMessage()


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ({"type": "stop"}, '"lips", "set" or "end"'),
        ({}, '"lips", "set" or "end"'),
        ({"type": "set", "mute": True}, "this message takes atten_limit_db"),
        ({"type": "lips", "landmarks": FACE}, '"time_s" must be'),
        ({"type": "lips", "time_s": float("nan"), "landmarks": FACE}, '"time_s" must be'),
        ({"type": "lips", "time_s": 0, "landmarks": FACE[1:]}, "44 finite points"),
        ({"type": "lips", "time_s": 0, "landmarks": [[float("inf")] * 3] * 44}, "44 finite points"),
        ({"type": "lips", "time_s": 0, "landmarks": [10**400]}, "44 finite points"),
        ({"type": "lips", "time_s": 0, "landmarks": "face"}, "44 finite points"),
    ],
)
def test_other_messages_are_refused(said: dict[str, Any], fix: str) -> None:
    with pytest.raises(RefusalError, match=fix):
        parse_message(json.dumps(said))


@given(
    st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_no_text_does_worse_than_to_be_refused(text: str) -> None:
    for parse in (parse_hello, parse_message):
        with pytest.raises(RefusalError):
            parse(text)


def test_samples_come_through_both_formats() -> None:
    samples = np.array([-1.0, 0.0, 0.25, 0.5], np.float32)
    for kind in ("int16", "float32"):
        np.testing.assert_array_equal(decode(encode(samples, kind), kind, 4), samples)
    assert np.frombuffer(encode(np.array([2.0], np.float32), "int16"), "<i2")[0] == 32_767


@pytest.mark.parametrize(
    ("message", "kind", "fix"),
    [
        (b"\0\0\0", "int16", "2 bytes a sample"),
        (b"\0\0", "float32", "4 bytes a sample"),
        (b"\0" * 22, "int16", "send 10 or fewer"),
        (np.array([np.nan], "<f4").tobytes(), "float32", "NaN or infinity"),
    ],
)
def test_what_is_no_sound_is_refused(message: bytes, kind: Any, fix: str) -> None:
    with pytest.raises(RefusalError, match=fix):
        decode(message, kind, most=10)
