"""A visitor's microphone and camera: the stream is whole, pictures get the time of their sound."""

from typing import Any

import numpy as np
import pytest

from lipstream import Enhancer, InputError
from lipstream.core.arrays import UInt8
from lipstream.stream.app import live_talk
from lipstream.stream.app.live_talk import LiveTalk, Visitors
from lipstream.stream.video.frames import LipFrame

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Reader:
    """Sees lips in every picture that is not black, and notes the times."""

    times_s: list[float]

    def __init__(self, lips: str) -> None:
        Reader.times_s = []

    def __call__(self, picture: UInt8, time_s: float, rgb: bool) -> LipFrame | None:
        assert rgb
        self.times_s.append(time_s)
        if not picture.any():
            return None
        landmarks = np.random.default_rng(len(self.times_s)).normal(300, 40, (44, 3))
        return LipFrame(len(self.times_s), time_s, landmarks=landmarks.astype(np.float32))

    def close(self) -> None:
        pass


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> type[Reader]:
    monkeypatch.setattr(live_talk, "LipReader", Reader)
    return Reader


def noise(samples: int) -> Any:
    return 0.1 * np.random.default_rng(samples).standard_normal(samples).astype(np.float32)


def test_chunks_of_a_browser_give_the_stream_of_an_enhancer() -> None:
    talk, wave = LiveTalk("lite"), noise(4800)
    out = np.concatenate([talk.hear(48_000, chunk, 100, False).wave for chunk in np.split(wave, 3)])
    np.testing.assert_array_equal(out, Enhancer("lite", 48_000).process(wave))


def test_16_bits_of_two_channels_are_their_mean() -> None:
    wave = (noise(1600) * 32767).astype(np.int16)
    both = LiveTalk("lite").hear(16_000, np.stack([wave, wave], axis=1), 100, False)
    alone = LiveTalk("lite").hear(16_000, (wave / np.float32(32768)).astype(np.float32), 100, False)
    np.testing.assert_allclose(both.wave, alone.wave, atol=1e-6)


def test_the_delay_is_that_of_chunk_work_and_model() -> None:
    moment = LiveTalk("lite").hear(16_000, noise(1600), 100, False)
    assert (moment.chunk_ms, moment.latency_ms) == (100.0, 25.0)
    assert moment.delay_ms == pytest.approx(125.0 + moment.busy_ms)


def test_a_picture_has_the_time_of_the_sound_that_is_still_to_come(reader: type[Reader]) -> None:
    clock = Clock()
    talk = LiveTalk("lite", clock)
    assert talk.see(PICTURE) is None  # no sound yet
    talk.hear(16_000, noise(1600), 100, True)
    clock.now += 0.03
    assert talk.see(PICTURE) is False
    clock.now += 0.03
    assert talk.see(PICTURE + 1) is True
    clock.now += 0.04
    moment = talk.hear(16_000, noise(1600), 100, True)
    assert moment.face is True
    assert reader.times_s == pytest.approx([0.13, 0.16])
    clock.now += 10.0
    assert talk.see(PICTURE) is None  # the sound has stopped


def test_sound_that_the_server_does_not_keep_up_with_is_told() -> None:
    clock = Clock()
    talk = LiveTalk("lite", clock)
    behind = []
    for step_s in (0.0, 0.1, 0.4):
        clock.now += step_s
        behind.append(talk.hear(16_000, noise(1600), 100, False).behind_s)
    assert behind == pytest.approx([0.0, 0.0, 0.3])


def test_another_rate_begins_another_stream() -> None:
    talk = LiveTalk("lite")
    talk.hear(16_000, noise(1600), 100, False)
    fresh = Enhancer("lite", 48_000).process(noise(4800))
    np.testing.assert_array_equal(talk.hear(48_000, noise(4800), 100, False).wave, fresh)


def test_a_chunk_that_is_no_sound_is_refused_and_the_next_one_taken() -> None:
    talk = LiveTalk("lite")
    for chunk in (np.zeros(4, bool), np.zeros((2, 2, 2), np.int16), np.full(4, np.nan, np.float32)):
        with pytest.raises(InputError):
            talk.hear(16_000, chunk, 100, False)
    assert talk.hear(16_000, noise(160), 100, False).wave.shape == (160,)


def test_visitors_have_streams_of_their_own_and_the_first_makes_room(reader: type[Reader]) -> None:
    visitors = Visitors(most=2)
    first = visitors.talk("a", "lite")
    assert visitors.talk("a", "lite") is first
    assert visitors.talk("b", "lite") is not first
    visitors.talk("c", "lite")
    assert visitors.talk("a", "lite") is not first
    visitors.leave("c")
    visitors.leave("c")
