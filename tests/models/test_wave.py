"""Wave to wave in each preset: hop in, hop out, with every kind of video, and the attenuation limit."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lipstream.models.config import PRESETS, SAMPLE_LIMIT
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.state import flatten_state, state_names
from lipstream.models.wave import WaveModel, WaveState

Check = Callable[..., None]
Make = Callable[..., WaveModel]
#: Net, scene, frames -> ``(embedding [1, T, E], age_s [1, T])``.
Watch = Callable[[LiteAVSEMamba, str, int], tuple[Tensor, Tensor]]
#: Embedding and age, or None twice for audio alone.
Lips = tuple[Tensor, Tensor] | tuple[None, None]

#: Hops of each chunk. `parent` is slow and has shorter hops.
CHUNKS = {"parent": [2, 1, 1], "base": [3, 1, 4], "lite": [7, 1, 8]}
HOPS = {name: sum(lengths) for name, lengths in CHUNKS.items()}
EACH_PRESET = pytest.mark.parametrize("name", PRESETS)


@pytest.fixture
def make(untrained: Callable[..., LiteAVSEMamba]) -> Make:
    return lambda name, causal=True: WaveModel(untrained(name, causal)).eval()


def random_wave(name: str) -> Tensor:
    samples = HOPS[name] * PRESETS[name].stft.hop
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(1))


def lag_of(name: str) -> int:
    return PRESETS[name].stft.window - PRESETS[name].stft.hop


def in_steps(model: WaveModel, wave: Tensor, lips: Lips, dry: Tensor) -> tuple[Tensor, Tensor, WaveState]:
    hop = model.net.config.stft.hop
    outputs, alphas = [], []
    state = model.init_state(1)
    for k, samples in enumerate(wave.split(hop, dim=1)):
        embedding, age_s = (None if part is None else part[:, k] for part in lips)
        out, alpha, state = model.step(samples, embedding, age_s, dry[:, k], state)
        outputs.append(out)
        alphas.append(alpha)
    return torch.cat(outputs, dim=1), torch.stack(alphas, dim=1), state


def in_chunks(
    model: WaveModel, wave: Tensor, lips: Lips, dry: Tensor
) -> tuple[Tensor, Tensor, WaveState | None]:
    cuts, hop = CHUNKS[model.net.config.name], model.net.config.stft.hop
    none = (None,) * len(cuts)
    pieces = [none if part is None else part.split(cuts, 1) for part in (*lips, dry)]
    outputs, alphas = [], []
    state = None
    for samples, embedding, age_s, share in zip(
        wave.split([hop * cut for cut in cuts], 1), *pieces, strict=True
    ):
        out, alpha, state = model(samples, embedding, age_s, share, state)
        outputs.append(out)
        alphas.append(alpha)
    return torch.cat(outputs, dim=1), torch.cat(alphas, dim=1), state


@EACH_PRESET
@pytest.mark.parametrize("scene", ["audio only", "uneven", "missing", "black", "frozen"])
@torch.no_grad()
def test_steps_and_chunks_give_one_pass(
    name: str, scene: str, make: Make, watch: Watch, assert_same: Check
) -> None:
    model, wave = make(name), random_wave(name)
    lips: Lips = (None, None) if scene == "audio only" else watch(model.net, scene, HOPS[name])
    dry = torch.linspace(0.0, 1.0, HOPS[name])[None]
    whole = model(wave, *lips, dry)
    assert_same(in_steps(model, wave, lips, dry), whole, model)
    assert_same(in_chunks(model, wave, lips, dry), whole, model)


@EACH_PRESET
@torch.no_grad()
def test_speech_that_stops_and_starts_again_gives_one_pass(name: str, make: Make, assert_same: Check) -> None:
    """Digital silence has no phase: nothing may depend on the sign of a zero."""
    model, wave = make(name), random_wave(name)
    hop = model.net.config.stft.hop
    wave[:, : 2 * hop] = 0.0
    wave[:, 3 * hop : 5 * hop] = 0.0
    dry = torch.zeros(1, HOPS[name])
    whole = model(wave)
    assert_same(in_steps(model, wave, (None, None), dry), whole, model)
    assert_same(in_chunks(model, wave, (None, None), dry), whole, model)


@EACH_PRESET
@torch.no_grad()
def test_samples_to_come_change_nothing_before_their_own_hop(name: str, make: Make) -> None:
    """With a lag of window - hop, hop k of the output ends where hop k of the input ends, no sample later."""
    model, wave = make(name), random_wave(name)
    now = HOPS[name] // 2 * model.net.config.stft.hop
    other = wave.clone()
    other[:, now:].normal_()
    before, after = model(wave)[0], model(other)[0]
    torch.testing.assert_close(after[:, :now], before[:, :now], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(after[:, now:], before[:, now:])


@EACH_PRESET
@torch.no_grad()
def test_all_dry_is_the_input_delayed_by_window_minus_hop(name: str, make: Make, watch: Watch) -> None:
    model, wave, lag = make(name), random_wave(name), lag_of(name)
    out, _, _ = model(wave, *watch(model.net, "uneven", HOPS[name]), torch.ones(1, HOPS[name]))
    torch.testing.assert_close(out[:, lag:], wave[:, :-lag], rtol=0, atol=1e-6)
    assert out[:, :lag].abs().max() <= 1e-6


@torch.no_grad()
def test_no_share_of_the_input_is_no_limit(make: Make) -> None:
    model, wave = make("lite"), random_wave("lite")
    unlimited, _, _ = model(wave)
    assert torch.equal(model(wave, dry=torch.zeros(1, HOPS["lite"]))[0], unlimited)
    half, _, _ = model(wave, dry=torch.full((1, HOPS["lite"]), 0.5))
    dry, _, _ = model(wave, dry=torch.ones(1, HOPS["lite"]))
    torch.testing.assert_close(half, (unlimited + dry) / 2, rtol=0, atol=1e-6)


@torch.no_grad()
def test_switching_to_bypass_and_back_fades_over_the_overlap(make: Make) -> None:
    """A hop of bypass touches what its window covers and nothing else."""
    model, wave = make("lite"), random_wave("lite")
    config = model.net.config.stft
    dry = torch.zeros(1, HOPS["lite"])
    dry[:, 7] = 1.0
    changed = (model(wave, dry=dry)[0] - model(wave)[0]).abs()[0]
    window = slice(7 * config.hop, 7 * config.hop + config.window)
    assert changed[window].max() > 1e-4
    assert changed[window][:3].max() < 0.1 * changed[window].max()  # starts from and ends in nothing
    assert changed[window][-3:].max() < 0.1 * changed[window].max()
    changed[window] = 0.0
    assert changed.max() == 0.0


@EACH_PRESET
@torch.no_grad()
def test_silence_stays_finite_and_quiet(name: str, make: Make, watch: Watch) -> None:
    model = make(name)
    out, alpha, state = model(torch.zeros_like(random_wave(name)), *watch(model.net, "black", HOPS[name]))
    assert all(torch.isfinite(tensor).all() for tensor in (out, alpha, *flatten_state(state)))
    assert out.abs().max() <= 1e-4  # -80 dBFS


@EACH_PRESET
@torch.no_grad()
def test_the_offline_form_takes_a_recording(name: str, make: Make) -> None:
    wave = random_wave(name)
    out, alpha, _ = make(name, causal=False)(wave)
    assert out.shape == wave.shape
    assert alpha.shape == (1, HOPS[name])
    assert torch.isfinite(out).all()


@torch.no_grad()
def test_a_recording_from_the_start_is_a_stream_from_its_first_state(make: Make, assert_same: Check) -> None:
    model, wave = make("lite"), random_wave("lite")
    assert_same(model(wave, state=model.init_state(1)), model(wave))


def test_training_gives_what_streaming_gives(make: Make, assert_same: Check) -> None:
    """With gradients a recording may take the compiled kernels."""
    model, wave = make("lite"), random_wave("lite")
    trained = model(wave)
    with torch.no_grad():
        assert_same(trained, in_steps(model, wave, (None, None), torch.zeros(1, HOPS["lite"])), model)


def test_the_state_nests_that_of_the_network(make: Make) -> None:
    names = state_names(make("lite").init_state(1))
    assert names[0] == "analysis"
    assert names[-1] == "synthesis"
    assert all(name.startswith("net.") for name in names[1:-1])
    assert "net.blocks.1.time.ssm" in names


def test_the_transforms_add_no_weights(make: Make) -> None:
    assert all(name.startswith("net.") for name in make("lite").state_dict())


@pytest.mark.parametrize("value", [9.0, -3e38, float("inf"), float("-inf"), float("nan")])
@torch.no_grad()
def test_samples_beyond_the_limit_are_limited_in_steps_and_passes(value: float, make: Make) -> None:
    model, wave = make("lite"), random_wave("lite")
    bad, tame = wave.clone(), wave.clone()
    bad[0, 300] = value
    tame[0, 300] = 0.0 if value != value else math.copysign(SAMPLE_LIMIT, value)
    dry = torch.zeros(1, HOPS["lite"])
    for run in (in_steps, in_chunks):
        out, _, state = run(model, bad, (None, None), dry)
        expected, _, wanted = run(model, tame, (None, None), dry)
        assert torch.equal(out, expected)
        assert all(
            torch.equal(*pair) for pair in zip(flatten_state(state), flatten_state(wanted), strict=True)
        )
        assert out.isfinite().all()


@torch.no_grad()
def test_no_embedding_spoils_a_state(make: Make) -> None:
    model, wave = make("lite"), random_wave("lite")
    embedding = torch.full((1, HOPS["lite"], model.net.config.visual.embedding_size), 3e38)
    out, alpha, state = model(wave, embedding, torch.zeros(1, HOPS["lite"]))
    assert all(tensor.isfinite().all() for tensor in (out, alpha, *flatten_state(state)))
