"""What client and server say: sound as binary messages, all else as JSON, errors that name the fix.

The first message of a client is its hello, ``{"rate": 48000, "format": "int16"}``; the server answers
``{"type": "ready", ...}``. From then on binary messages are mono PCM, little-endian, in both directions: as
many samples come back as went in, cut in any way. Other messages of a client are ``{"type": "lips", "time_s":
0.04, "landmarks": [[x, y, z], ...]}``, ``{"type": "set", "atten_limit_db": 12}`` and ``{"type": "end"}``,
which the server answers with the rest of the sound and ``{"type": "done", ...}``. See docs/scale.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...core.sample_kinds import from_int16, to_int16
from ...errors import InputError
from ...models.lips.points import POINTS
from ..controls import NO_LIMIT_DB, Controls
from ..enhancer import checked_sample_rate

SampleFormat = Literal["int16", "float32"]
FORMATS: tuple[SampleFormat, ...] = ("int16", "float32")
#: What a client may set, in its hello and later, with the types that JSON may give them.
CONTROLS: Mapping[str, type | tuple[type, ...]] = {
    "atten_limit_db": (int, float),
    "bypass": bool,
    "video": bool,
}

_FIRST = 'send {"rate": 16000, "format": "int16"} first'

#: Codes with which a WebSocket is closed: those of RFC 6455 and, from 4000 on, our own.
CLOSE_DONE, CLOSE_RESTART, CLOSE_FULL, CLOSE_BROKEN = 1000, 1012, 1013, 1011
CLOSE_BAD, CLOSE_UNAUTHORISED, CLOSE_TIMEOUT = 4400, 4401, 4408


class RefusalError(Exception):
    """Why a stream ends before its client wanted it to: told as JSON, then the WebSocket is closed.

    Args:
        code: short and stable, for programs, as ``bad_hello``.
        message: for people; names the fix.
        close: see the constants above.
    """

    def __init__(self, code: str, message: str, close: int = CLOSE_BAD) -> None:
        super().__init__(message)
        self.code, self.message, self.close = code, message, close

    def as_json(self) -> str:
        """``{"type": "error", "code": ..., "message": ...}``."""
        return json.dumps({"type": "error", "code": self.code, "message": self.message})


@dataclass(frozen=True)
class Hello:
    """What a stream is: its rate in Hz, its kind of samples, its controls, and the token it showed."""

    rate: int
    format: SampleFormat = "int16"
    atten_limit_db: float = NO_LIMIT_DB
    bypass: bool = False
    video: bool = True
    token: str = ""


@dataclass(frozen=True)
class LipsMessage:
    """Landmarks float32 ``[44, 3]`` of a video frame, at seconds of the stream's input."""

    time_s: float
    landmarks: Float32


@dataclass(frozen=True)
class SetMessage:
    """Controls to set from the next hop on."""

    values: Mapping[str, float | bool]


@dataclass(frozen=True)
class EndMessage:
    """Nothing more comes."""


def parse_hello(text: str | None) -> Hello:
    """The first message of a client.

    Raises:
        RefusalError: it is none.
    """
    if text is None:
        raise RefusalError("bad_hello", f"sound came before the hello: {_FIRST}")
    said = _object(text, "bad_hello")
    known = ("rate", "format", "token", *CONTROLS)
    _check_keys(said, known, "bad_hello")
    if "rate" not in said:
        raise RefusalError("bad_hello", f'the hello has no "rate": {_FIRST}')
    if said.get("format", "int16") not in FORMATS:
        raise RefusalError(
            "bad_hello", f'"format" must be "int16" or "float32", not {json.dumps(said["format"])}'
        )
    if not isinstance(said.get("token", ""), str):
        raise RefusalError("bad_hello", '"token" must be a string')
    try:
        rate = checked_sample_rate(said["rate"])
    except InputError as error:
        raise RefusalError("bad_hello", str(error).replace("sample_rate", '"rate"')) from error
    controls = _controls(said, "bad_hello")
    return Hello(rate, said.get("format", "int16"), **controls, token=said.get("token", ""))


def parse_message(text: str) -> LipsMessage | SetMessage | EndMessage:
    """A later text message of a client.

    Raises:
        RefusalError: it is none of those that are known.
    """
    said = _object(text, "bad_message")
    kind = said.pop("type", None)
    if kind == "lips":
        return _lips(said)
    if kind == "set":
        _check_keys(said, CONTROLS, "bad_message")
        return SetMessage(_controls(said, "bad_message"))
    if kind == "end":
        return EndMessage()
    raise RefusalError("bad_message", f'"type" must be "lips", "set" or "end", not {json.dumps(kind)}')


def decode(message: bytes, kind: SampleFormat, most: int) -> Float32:
    """The samples of a binary message, float32 in [-1, 1] for int16.

    Args:
        most: how many there may be.

    Raises:
        RefusalError: half a sample, too many of them, or such as are no number.
    """
    size = 2 if kind == "int16" else 4
    if len(message) % size:
        raise RefusalError(
            "bad_audio",
            f"a message of {len(message)} bytes holds no whole number of {kind} samples: "
            f"send mono, {size} bytes a sample, as your hello said",
        )
    if len(message) > size * most:
        raise RefusalError(
            "bad_audio",
            f"a message of {len(message) // size} samples is too long: send {most} or fewer at once",
        )
    if kind == "int16":
        return from_int16(np.frombuffer(message, "<i2"))
    samples = np.frombuffer(message, "<f4").astype(np.float32, copy=False)
    if not np.isfinite(samples).all():
        raise RefusalError("bad_audio", "the sound holds NaN or infinity: send finite samples, or int16")
    return samples


def encode(samples: Float32, kind: SampleFormat) -> bytes:
    """Samples as a binary message."""
    if kind == "int16":
        return to_int16(samples).astype("<i2", copy=False).tobytes()
    return samples.astype("<f4", copy=False).tobytes()


def _object(text: str, code: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusalError(code, f"a text message must be JSON ({error}), sound is binary") from error
    if not isinstance(said, dict):
        raise RefusalError(code, f"a text message must be a JSON object, not {type(said).__name__}")
    return said


def _check_keys(said: Mapping[str, Any], known: Any, code: str) -> None:
    unknown = sorted(said.keys() - set(known))
    if unknown:
        raise RefusalError(code, f"unknown {json.dumps(unknown[0])}: this message takes {', '.join(known)}")


def _controls(said: Mapping[str, Any], code: str) -> dict[str, Any]:
    """Those that were said, checked."""
    given = {name: said[name] for name in CONTROLS if name in said}
    for name, value in given.items():
        kinds = CONTROLS[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            wanted = "true or false" if kinds is bool else "a number of dB"
            raise RefusalError(code, f'"{name}" must be {wanted}, not {json.dumps(value)}')
    try:
        Controls(**given)
    except (InputError, OverflowError) as error:
        raise RefusalError(code, str(error)) from error
    return given


def _lips(said: Mapping[str, Any]) -> LipsMessage:
    _check_keys(said, ("time_s", "landmarks"), "bad_lips")
    time_s = _array(said.get("time_s"))
    if time_s.shape != () or not np.isfinite(time_s):
        raise RefusalError(
            "bad_lips",
            '"time_s" must be when the video frame was captured, in seconds of the sound of this stream',
        )
    landmarks = _array(said.get("landmarks"))
    if landmarks.shape != (len(POINTS), 3) or not np.isfinite(landmarks).all():
        raise RefusalError(
            "bad_lips",
            f'"landmarks" must be {len(POINTS)} finite points [x, y, z]: lipstream.LipReader makes them',
        )
    return LipsMessage(float(time_s), landmarks.astype(np.float32))


def _array(said: Any) -> npt.NDArray[np.float64]:
    """Numbers as JSON has them; not finite where they are none."""
    try:
        return np.asarray(said, np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array(np.nan)
