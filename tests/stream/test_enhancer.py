"""The public shell: any chunking, any rate, the declared lag, controls, and errors that change nothing."""

import pickle
from collections.abc import Callable
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import Enhancer, EnhancerPool, InputError
from lipstream.core.arrays import Float32
from lipstream.stream.runtimes import chosen_runtime
from tests.model_folders import lite_folder

RATES = [6_000, 8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]

Make = Callable[..., Any]


def noise(count: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


def streamed(enhancer: Enhancer, signal: Float32, chunk: int = 333) -> Float32:
    pieces = [enhancer.process(signal[start : start + chunk]) for start in range(0, len(signal), chunk)]
    return np.concatenate([*pieces, enhancer.flush()])


@settings(deadline=None)
@given(
    rate=st.sampled_from(RATES),
    sizes=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 5_000)), max_size=10),
)
def test_any_chunking_gives_the_same_samples(pass_through: Make, rate: int, sizes: list[int]) -> None:
    signal = noise(sum(sizes))
    chunked = Enhancer(sample_rate=rate, runtime=pass_through())
    pieces = []
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        pieces.append(chunked.process(signal[end - size : end]))
        assert pieces[-1].dtype == np.float32
        assert len(pieces[-1]) == size
    whole = Enhancer(sample_rate=rate, runtime=pass_through()).process(signal)
    np.testing.assert_array_equal(np.concatenate([*pieces, np.zeros(0)]), whole)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("at", [0, 1, 777, 2_345])
def test_an_impulse_comes_out_after_the_declared_latency(pass_through: Make, rate: int, at: int) -> None:
    enhancer = Enhancer(sample_rate=rate, runtime=pass_through())
    signal = np.zeros(6_000, np.float32)
    signal[at] = 1
    output = streamed(enhancer, signal)
    assert np.argmax(np.abs(output)) - at == enhancer.latency_samples == enhancer.latency.total


def test_the_latency_at_16_khz_is_25_ms(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through())
    assert enhancer.latency_samples == 400
    assert enhancer.latency.ms == 25


@pytest.mark.parametrize(("window", "hop"), [(400, 200), (512, 128), (480, 160)])
def test_a_model_that_changes_nothing_gives_the_input_back(pass_through: Make, window: int, hop: int) -> None:
    enhancer = Enhancer(runtime=pass_through(window=window, hop=hop))
    signal = noise(5_000)
    output = streamed(enhancer, signal)
    np.testing.assert_allclose(output[window:], signal, atol=1e-6)
    assert enhancer.latency_samples == window


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate != 16_000])
def test_resampling_there_and_back_keeps_speech_in_place(pass_through: Make, rate: int) -> None:
    times = np.arange(rate) / rate
    tones = np.array([150, 437, 1_210, 2_903, 3_450])
    signal = 0.1 * np.sin(2 * np.pi * times[:, None] * tones + tones).sum(axis=1)
    enhancer = Enhancer(sample_rate=rate, runtime=pass_through())
    output = streamed(enhancer, signal.astype(np.float32))[enhancer.latency_samples :]
    assert len(output) == len(signal)
    within = 2e-4 if rate >= 16_000 else 1e-3
    np.testing.assert_allclose(output[2_000:-2_000], signal[2_000:-2_000], atol=within)


@pytest.mark.parametrize(
    ("chunk", "lips", "fix"),
    [
        (np.array([0, np.nan], np.float32), None, "NaN"),
        (np.array([np.inf, 0], np.float32), None, "infinity"),
        (np.zeros(10), None, "float32"),
        (np.zeros(10, np.int16), None, "float32"),
        ([0.0, 0.0], None, "float32"),
        (np.zeros((10, 2), np.float32), None, "each channel"),
        (np.zeros(10, np.float32), np.zeros((96, 96), np.uint8), r"\[96, 96, 3\]"),
        (np.zeros(10, np.float32), np.zeros((96, 96, 3)), "uint8"),
        (np.zeros(10, np.float32), [(0.0, np.zeros((64, 64, 3), np.uint8))], r"\[96, 96, 3\]"),
        (np.zeros(10, np.float32), [(0.0, None)], "NoneType"),
        (np.zeros(10, np.float32), [(np.nan, np.zeros((96, 96, 3), np.uint8))], "finite"),
        (np.zeros(10, np.float32), (0.0, np.zeros((96, 96, 3), np.uint8)), r"\(time_s, array\)"),
        (np.zeros(10, np.float32), 5, r"\(time_s, array\)"),
        (np.full(10, np.nan, np.float32), np.zeros((96, 96, 3), np.uint8), "NaN"),
    ],
)
def test_a_bad_chunk_or_crop_is_refused_and_changes_nothing(
    pass_through: Make, chunk: Any, lips: Any, fix: str
) -> None:
    signal = noise(3_000)
    enhancer, spared = Enhancer(runtime=pass_through()), Enhancer(runtime=pass_through())
    before = enhancer.process(signal[:1_111])
    with pytest.raises(InputError, match=fix):
        enhancer.process(chunk, lips)
    after = enhancer.process(signal[1_111:])
    np.testing.assert_array_equal(np.concatenate([before, after]), spared.process(signal))
    assert enhancer.alpha == spared.alpha


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("controls", [{"bypass": True}, {"atten_limit_db": 0}], ids=str)
def test_bypass_and_a_limit_of_0_give_the_input_itself(
    pass_through: Make, rate: int, controls: dict[str, Any]
) -> None:
    enhancer = Enhancer(sample_rate=rate, runtime=pass_through(gain=0.3), **controls)
    signal = noise(rate // 4)
    np.testing.assert_array_equal(streamed(enhancer, signal)[enhancer.latency_samples :], signal)


@pytest.mark.parametrize("rate", RATES)
def test_bypass_that_is_set_later_gives_the_input_itself_after_two_windows(
    pass_through: Make, rate: int
) -> None:
    enhancer = Enhancer(sample_rate=rate, runtime=pass_through(gain=0.3))
    signal = noise(rate // 2)
    before = enhancer.process(signal[: rate // 4])
    enhancer.bypass = True
    output = np.concatenate([before, streamed(enhancer, signal[rate // 4 :])])[enhancer.latency_samples :]
    settled = rate // 4 + rate // 20
    np.testing.assert_array_equal(output[settled:], signal[settled:])


@pytest.mark.parametrize("rate", RATES)
def test_the_whole_band_of_the_input_is_given(pass_through: Make, rate: int) -> None:
    enhancer = Enhancer(sample_rate=rate, runtime=pass_through())
    assert enhancer.band_hz == rate / 2
    signal = noise(rate // 4)
    output = streamed(enhancer, signal)[enhancer.latency_samples :]
    np.testing.assert_allclose(output, signal, atol=2e-3)


def test_reset_leaves_nothing_of_the_stream_before(pass_through: Make) -> None:
    crop = np.full((96, 96, 3), 9, np.uint8)
    enhancer, fresh = (Enhancer(sample_rate=44_100, runtime=pass_through()) for _ in range(2))
    enhancer.process(noise(7_777, seed=1), [(0.0, crop), (1e3, crop)])
    enhancer.reset()
    assert enhancer.mean_alpha == enhancer.alpha == 0
    np.testing.assert_array_equal(streamed(enhancer, noise(5_000)), streamed(fresh, noise(5_000)))
    assert enhancer.mean_alpha == fresh.mean_alpha


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_after_an_error_of_the_runtime_a_new_stream_begins(
    pass_through: Make, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, signal = pass_through(), noise(rate // 4)
    enhancer = Enhancer(sample_rate=rate, runtime=runtime)
    enhancer.process(signal)
    good, calls = runtime.process_hop, iter(range(100))

    def failing(*hop: Any) -> tuple[Float32, float]:
        if next(calls) == 2:
            raise MemoryError
        result: tuple[Float32, float] = good(*hop)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "process_hop", failing)
        with pytest.raises(MemoryError):
            enhancer.process(signal)
    expected = streamed(Enhancer(sample_rate=rate, runtime=pass_through()), signal)
    np.testing.assert_array_equal(streamed(enhancer, signal), expected)


def test_a_runtime_that_was_in_use_starts_afresh(pass_through: Make) -> None:
    used = pass_through()
    used.process_hop(noise(200), np.zeros(512, np.float32), 0.0, 0.0)
    np.testing.assert_array_equal(
        streamed(Enhancer(runtime=used), noise(900)), streamed(Enhancer(runtime=pass_through()), noise(900))
    )


@pytest.mark.parametrize("count", [0, 1, 399, 400, 1_000])
def test_flush_gives_exactly_what_is_still_to_come(pass_through: Make, count: int) -> None:
    enhancer = Enhancer(runtime=pass_through())
    signal = noise(count)
    head, tail = enhancer.process(signal), enhancer.flush()
    assert len(tail) == enhancer.latency_samples
    np.testing.assert_allclose(np.concatenate([head, tail])[400:], signal, atol=1e-6)


def test_after_flush_a_stream_is_at_its_end_until_reset(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through())
    first = streamed(enhancer, noise(900))
    for more in (lambda: enhancer.process(noise(9)), enhancer.flush):
        with pytest.raises(InputError, match=r"flush\(\) has ended this stream: call reset\(\)"):
            more()
    enhancer.reset()
    np.testing.assert_array_equal(streamed(enhancer, noise(900)), first)


def test_it_is_called_like_a_function_and_a_with_block_forgets_the_stream(pass_through: Make) -> None:
    signal = noise(900)
    expected = Enhancer(runtime=pass_through()).process(signal)
    with Enhancer(runtime=pass_through()) as enhancer:
        np.testing.assert_array_equal(enhancer(signal), expected)
    np.testing.assert_array_equal(enhancer(signal), expected)


def test_it_shows_how_it_is_made(pass_through_model: None) -> None:
    chosen = chosen_runtime("lite")
    assert chosen != "auto"
    assert repr(Enhancer()) == f"Enhancer('lite', sample_rate=16000, runtime='{chosen}')"
    enhancer = Enhancer("base", 48_000, "onnx", atten_limit_db=9, bypass=True, video=False)
    made = "Enhancer('base', sample_rate=48000, runtime='onnx', atten_limit_db=9, bypass=True, video=False)"
    assert repr(enhancer) == made
    assert repr(eval(made)) == made


def test_a_copy_and_what_is_pickled_has_the_settings_and_a_stream_of_its_own(
    pass_through_model: None,
) -> None:
    enhancer, signal = Enhancer(sample_rate=48_000, atten_limit_db=9, video=False), noise(5_000)
    first = enhancer.process(signal)
    for other in (copy(enhancer), deepcopy(enhancer), pickle.loads(pickle.dumps(enhancer))):
        assert repr(other) == repr(enhancer)
        np.testing.assert_array_equal(other.process(signal), first)
        other.bypass = True
    assert not enhancer.bypass


def test_on_a_runtime_of_ones_own_it_is_not_pickled(pass_through: Make) -> None:
    with pytest.raises(InputError, match=r"a runtime of one's own \(PassThrough\)"):
        pickle.dumps(Enhancer(runtime=pass_through()))


def test_a_second_thread_inside_is_told_and_the_first_one_goes_on(pass_through: Make) -> None:
    runtime, signal = pass_through(), noise(1_000)
    enhancer, told = Enhancer(runtime=runtime), []
    good = runtime.process_hop

    def while_another_calls(*hop: Any) -> Any:
        for call in (lambda: enhancer.process(signal), enhancer.flush, enhancer.reset):
            with pytest.raises(InputError, match="two threads are in one Enhancer at once"):
                call()
            told.append(call)
        return good(*hop)

    runtime.process_hop = while_another_calls
    enhanced = enhancer.process(signal)
    assert len(told) == 3 * 5
    np.testing.assert_array_equal(enhanced, Enhancer(runtime=pass_through()).process(signal))


@pytest.mark.parametrize(("limit_db", "left"), [(0, 1.0), (6.0206, 0.5), (20, 0.1), (100, 0), (np.inf, 0)])
def test_the_attenuation_limit_leaves_its_share_in_place(
    pass_through: Make, limit_db: float, left: float
) -> None:
    enhancer = Enhancer(runtime=pass_through(gain=0.0), atten_limit_db=limit_db)
    signal = noise(3_000)
    np.testing.assert_allclose(streamed(enhancer, signal)[400:], left * signal, atol=1e-5)


def test_bypass_and_limit_change_while_it_runs_without_a_jump(pass_through: Make) -> None:
    enhancer = Enhancer(runtime=pass_through(gain=0.0))
    level = np.full(2_000, 0.5, np.float32)
    pieces = [enhancer.process(level)]
    enhancer.bypass = True
    pieces.append(enhancer.process(level))
    enhancer.bypass = False
    enhancer.atten_limit_db = 20
    pieces.append(enhancer.process(level))
    output = np.concatenate([*pieces, enhancer.flush()])[400:]
    assert np.abs(output[1_000:1_400]).max() == 0
    np.testing.assert_allclose(output[2_500:3_400], 0.5, atol=1e-6)
    np.testing.assert_allclose(output[4_500:5_400], 0.05, atol=1e-6)
    assert np.abs(np.diff(output[:5_800])).max() < 0.5 * np.pi / 400 + 1e-4  # the slope of a cross-fade


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_bypass_changes_without_a_jump_at_other_rates(pass_through: Make, rate: int) -> None:
    enhancer = Enhancer(sample_rate=rate, runtime=pass_through(gain=0.0))
    pieces = []
    for bypass in (False, True, False, True):
        enhancer.bypass = bypass
        pieces.append(enhancer.process(np.full(rate // 8, 0.5, np.float32)))
    output = np.concatenate(pieces)[rate // 8 :]
    assert output.max() > 0.49
    fade = 0.5 * np.pi / 400 * 16_000 / rate
    assert np.abs(np.diff(output)).max() < 1.2 * fade + 1e-3


@pytest.mark.parametrize("rate", [5_999, 192_001, 0, -1, 16_000.5, "16k", None, np.nan, np.inf])
def test_a_bad_rate_is_refused(pass_through: Make, rate: Any) -> None:
    with pytest.raises(InputError, match="sample_rate"):
        Enhancer(sample_rate=rate, runtime=pass_through())


def test_a_whole_number_of_any_type_is_a_rate(pass_through: Make) -> None:
    rates: list[Any] = [48_000.0, np.int64(48_000), np.float32(48_000)]
    for rate in rates:
        assert Enhancer(sample_rate=rate, runtime=pass_through()).sample_rate == 48_000


@pytest.mark.parametrize("limit", [-1, np.nan, "loud", None])
def test_a_bad_attenuation_limit_is_refused_and_the_old_one_stays(pass_through: Make, limit: Any) -> None:
    with pytest.raises(InputError, match="atten_limit_db"):
        Enhancer(runtime=pass_through(), atten_limit_db=limit)
    enhancer = Enhancer(runtime=pass_through(), atten_limit_db=12)
    with pytest.raises(InputError, match="atten_limit_db"):
        enhancer.atten_limit_db = limit
    assert enhancer.atten_limit_db == 12


@pytest.mark.usefixtures("shipped_weights")
class TestShippedModel:
    """The same promises with the real network."""

    def test_any_chunking_gives_the_same_samples(self) -> None:
        signal = 0.1 * noise(12_000)
        one, other = Enhancer(), Enhancer()
        np.testing.assert_array_equal(streamed(one, signal, 97), streamed(other, signal, 5_000))

    @pytest.mark.parametrize("rate", [16_000, 48_000])
    def test_bypass_gives_an_impulse_back_after_the_declared_latency(self, rate: int) -> None:
        enhancer = Enhancer(sample_rate=rate, bypass=True)
        signal = np.zeros(6_000, np.float32)
        signal[3_000] = 0.5
        assert np.argmax(np.abs(streamed(enhancer, signal))) - 3_000 == enhancer.latency_samples

    def test_noise_above_8_khz_falls_with_the_rest(self) -> None:
        signal = 0.1 * noise(4 * 48_000)
        output = streamed(Enhancer(sample_rate=48_000), signal)[-2 * 48_000 :]
        below, above = (
            level_db(output, *band) - level_db(signal, *band) for band in ((4e3, 8e3), (9e3, 20e3))
        )
        assert below < -20
        assert above < below + 3

    def test_clean_speech_keeps_its_treble(self, shared_data: Path) -> None:
        import soundfile
        import soxr

        (path, *_) = sorted((shared_data / "test" / "audio").glob("clean*.clean.flac"))
        speech = soxr.resample(soundfile.read(path)[0], 16_000, 48_000)
        # What lies from 4 to 8 kHz once more, at 8 to 12 kHz and softer.
        treble = band(0.5 * speech * np.cos(2 * np.pi * 4e3 / 48e3 * np.arange(len(speech))), 8e3, 12e3)
        signal = (speech + treble).astype(np.float32)
        enhancer = Enhancer(sample_rate=48_000)
        output = streamed(enhancer, signal)[enhancer.latency_samples :]
        assert level_db(output, 9e3, 12e3) == pytest.approx(level_db(signal, 9e3, 12e3), abs=1)

    def test_silence_stays_silence(self) -> None:
        assert np.abs(streamed(Enhancer(), np.zeros(16_000, np.float32))).max() < 1e-4

    def test_reset_is_as_new(self) -> None:
        signal = 0.1 * noise(6_000)
        enhancer = Enhancer()
        first = streamed(enhancer, signal)
        enhancer.reset()
        np.testing.assert_array_equal(streamed(enhancer, signal), first)

    def test_it_comes_nearer_to_the_clean_recording(self, shared_data: Path) -> None:
        import soundfile

        noisy_path = sorted((shared_data / "test" / "audio").glob("*noise*.noisy.flac"))[0]
        noisy, _ = soundfile.read(noisy_path, dtype="float32")
        clean, _ = soundfile.read(str(noisy_path).replace(".noisy.", ".clean."), dtype="float32")
        enhancer = Enhancer()
        output = streamed(enhancer, noisy)[enhancer.latency_samples :]
        assert si_sdr_db(output, clean) > si_sdr_db(noisy, clean)


def band(signal: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """What of a signal at 48 kHz lies in a band."""
    spectrum, hz = np.fft.rfft(signal), np.fft.rfftfreq(len(signal), 1 / 48_000)
    return np.fft.irfft(np.where((hz >= from_hz) & (hz < to_hz), spectrum, 0), len(signal))


def level_db(signal: np.ndarray, from_hz: float, to_hz: float) -> float:
    return 10 * float(np.log10(np.mean(band(signal, from_hz, to_hz) ** 2)))


def si_sdr_db(estimate: Float32, target: Float32) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al., ICASSP 2019)."""
    scaled = target * np.dot(estimate, target) / np.dot(target, target)
    return 10 * float(np.log10(np.sum(scaled**2) / np.sum((estimate - scaled) ** 2)))


def test_a_model_folder_stands_for_a_preset(tmp_path: Path) -> None:
    folder = lite_folder(tmp_path / "mine")
    noise = 0.1 * np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    expected = Enhancer("lite").process(noise)
    for model in (folder, str(folder)):
        np.testing.assert_array_equal(Enhancer(model).process(noise), expected)
    pool = EnhancerPool(1, folder)
    np.testing.assert_allclose(pool.process({pool.join(): noise})[0], expected, atol=1e-5)
    folder.joinpath("model.onnx").write_bytes(b"cut short")
    with pytest.raises(InputError, match=r"model\.onnx' is damaged"):
        Enhancer(folder, runtime="onnx")
