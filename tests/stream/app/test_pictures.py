"""What the page draws: where a tone lies, and what the lips did when."""

import numpy as np
import pytest

from lipstream.stream.app.pictures import HEIGHT, ROW, WIDTH, Moment, spectrogram, timeline


def test_a_tone_is_a_bright_line_at_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 2000 * np.arange(16000) / 16000).astype(np.float32)
    picture = spectrogram(tone, 16000)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    brightest = picture.sum(axis=(1, 2)).argmax()
    assert brightest == pytest.approx(0.75 * HEIGHT, abs=2)  # a quarter of the way up to 8 kHz


@pytest.mark.parametrize("samples", [1, 399, 400])
def test_a_recording_shorter_than_a_window_is_drawn(samples: int) -> None:
    assert spectrogram(np.zeros(samples, np.float32), 16000).shape == (HEIGHT, WIDTH, 3)


def test_the_timeline_says_what_the_lips_did_when() -> None:
    moments = [Moment(1.0, 0.5, 25, 25), Moment(2.0, 0.0, 25, 3), Moment(3.0, 0.0, 0, 0)]
    picture = timeline(moments, 3.0)
    thirds = [picture[:, round((k + 0.5) * WIDTH / 3)] for k in range(3)]
    alpha = [(column[:ROW] == (37, 99, 235)).all(axis=1).sum() for column in thirds]
    assert alpha == [ROW // 2, 0, 0]
    assert [tuple(column[-1]) for column in thirds] == [(22, 163, 74), (220, 38, 38), (243, 244, 246)]
