"""The voice gate: open without video, it closes no further than alpha lets it, which follows agreement."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.config import GONE_AGE_S, BandCodecConfig, StftConfig, VoiceGateConfig
from lipstream.models.lips.agreement import CueAgreement, CueLevels, CueTrust
from lipstream.models.lips.landmarks import LEVELS
from lipstream.models.lips.voice_gate import GateState, VoiceGate
from lipstream.models.state import flatten_state, state_names
from lipstream.models.store.registry import NO_VIDEO_AGE_S

Check = Callable[..., None]

STFT, BANDS = StftConfig(), BandCodecConfig()
SMALL = VoiceGateConfig(channels=4, hidden=10, squeezed=6, trust=5, lags=(0, 5))


class Scene(NamedTuple):
    spectrum: Tensor
    kept: Tensor
    gain: Tensor
    cue: Tensor
    age_s: Tensor


def scene(frames: int, age_s: float = 0.04) -> Scene:
    generator = torch.Generator().manual_seed(frames)
    return Scene(
        torch.randn(2, 2, frames, STFT.bins, generator=generator),
        torch.randn(2, 2, frames, STFT.bins, generator=generator),
        torch.rand(2, frames, generator=generator),
        torch.randn(2, frames, 2 * LEVELS, generator=generator),
        torch.full((2, frames), age_s),
    )


class Joined:
    """A gate as a layer of one input ``[B, T, ...]``; its output joins gate and alpha."""

    def __init__(self, gate: VoiceGate) -> None:
        self.gate = gate
        self.sizes = (2 * STFT.bins, 2 * STFT.bins, 1, 2 * LEVELS, 1)

    def init_state(self, batch: int) -> GateState:
        return self.gate.init_state(batch)

    def __call__(self, x: Tensor, state: GateState | None = None) -> tuple[Tensor, GateState]:
        spectrum, kept, gain, cue, age_s = x.split(self.sizes, dim=-1)
        spectra = (part.unflatten(-1, (2, -1)).transpose(1, 2) for part in (spectrum, kept))
        gained, aged = (part.squeeze(-1).abs() for part in (gain, age_s))
        opening, alpha, state = self.gate(*spectra, gained, cue, aged, state)
        return torch.cat([opening, alpha.unsqueeze(-1)], dim=-1), state

    def step(self, x: Tensor, state: GateState) -> tuple[Tensor, GateState]:
        spectrum, kept, gain, cue, age_s = x.split(self.sizes, dim=-1)
        heard, sound = (part.unflatten(-1, (2, -1)) for part in (spectrum, kept))
        gained, aged = (part.squeeze(-1).abs() for part in (gain, age_s))
        opening, alpha, state = self.gate.step(heard, sound, gained, cue, aged, state)
        return torch.cat([opening, alpha.unsqueeze(-1)], dim=-1), state


def joined(seen: Scene) -> Tensor:
    spectra = (x.transpose(1, 2).flatten(2) for x in (seen.spectrum, seen.kept))
    return torch.cat([*spectra, seen.gain.unsqueeze(-1), seen.cue, seen.age_s.unsqueeze(-1)], dim=-1)


@pytest.fixture
def gate() -> VoiceGate:
    """Its weights moved off their start, so that it closes."""
    torch.manual_seed(0)
    made = VoiceGate(SMALL, BANDS, STFT)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
        made.leave.bias.fill_(1.0)
    return made.eval()


def test_steps_and_chunks_give_one_pass(gate: VoiceGate, assert_streams: Check) -> None:
    seen = scene(23)
    seen.age_s[:, 9:15] = 0.3
    seen.age_s[:, 15:18] = NO_VIDEO_AGE_S
    seen.age_s[1, 3:17] = 0.5  # of one stream alone
    seen.age_s[1, 20] = 0.8
    assert_streams(Joined(gate), joined(seen), 1, 1)


def test_the_gate_never_sees_the_future(gate: VoiceGate, assert_causal: Check) -> None:
    assert_causal(Joined(gate), joined(scene(12)), 1, 1)


def test_the_tensors_of_its_state_have_names(gate: VoiceGate) -> None:
    state = gate.init_state(2)
    assert state_names(state) == [
        "trust.agreement.levels",
        "trust.agreement.weight",
        "trust.agreement.moments",
        "trust.row",
        "trust.alpha",
        "rows",
    ]
    assert not any(tensor.any() for tensor in flatten_state(state))


@pytest.mark.parametrize("age_s", [0.5, NO_VIDEO_AGE_S])
@torch.no_grad()
def test_without_video_it_is_open_to_the_bit(gate: VoiceGate, age_s: float) -> None:
    opening, alpha, _ = gate(*scene(15, age_s))
    assert torch.equal(alpha, torch.zeros_like(alpha))
    assert torch.equal(opening, torch.ones_like(opening))


@torch.no_grad()
def test_lips_that_come_back_soon_go_on_where_they_were(gate: VoiceGate) -> None:
    """In a gap the gate is open, and its memory stands still, of each stream by itself."""
    seen = scene(40)
    seen.age_s[0, 15:20] = 0.7
    opening, alpha, _ = gate(*seen)
    assert torch.equal(opening[0, 15:20], torch.ones_like(opening[0, 15:20]))
    cut = torch.cat([torch.arange(15), torch.arange(20, 40)])
    again = gate(*(part[:1, :, cut] if part.dim() == 4 else part[:1, cut] for part in seen))
    torch.testing.assert_close(opening[:1, cut], again[0])
    torch.testing.assert_close(alpha[:1, cut], again[1])
    torch.testing.assert_close(opening[1:], gate(*(part[1:] for part in scene(40)))[0])


@torch.no_grad()
def test_lips_that_were_gone_begin_as_at_the_start(gate: VoiceGate) -> None:
    seen = scene(40)
    seen.age_s[:, 20] = GONE_AGE_S
    whole = gate(*seen)
    again = gate(*(part[:, :, 21:] if part.dim() == 4 else part[:, 21:] for part in seen))
    torch.testing.assert_close(whole[0][:, 21:], again[0])
    torch.testing.assert_close(whole[1][:, 21:], again[1])
    assert whole[1][:, 19].min() > whole[1][:, 21].max() > 0


numbers = st.floats(-1e3, 1e3, width=32)


@settings(max_examples=40, deadline=None)
@given(
    cue=st.lists(numbers, min_size=10, max_size=10),
    age_s=st.floats(0.0, 1.0, width=32),
    loudness=st.floats(0.0, 1e6, width=32),
    gain=st.floats(0.0, 1e4, width=32),
)
@torch.no_grad()
def test_no_cue_or_sound_closes_it_further_than_alpha_lets_it(
    cue: list[float], age_s: float, loudness: float, gain: float
) -> None:
    torch.manual_seed(0)
    gate, seen = VoiceGate(SMALL, BANDS, STFT), scene(6)
    gate.leave.bias.fill_(30.0)
    opening, alpha, state = gate(
        loudness * seen.spectrum,
        loudness * seen.kept,
        torch.full_like(seen.gain, gain),
        torch.tensor(cue).expand(2, 6, 10),
        torch.full_like(seen.age_s, age_s),
    )
    assert ((alpha >= 0.0) & (alpha <= 1.0)).all()
    assert (opening <= 1.0).all()
    assert (opening >= 1.0 - alpha.unsqueeze(-1) - 1e-6).all()
    assert all(tensor.isfinite().all() for tensor in flatten_state(state))


@torch.no_grad()
def test_an_untrained_gate_is_nearly_open() -> None:
    torch.manual_seed(0)
    opening, alpha, _ = VoiceGate(SMALL, BANDS, STFT)(*scene(80))
    assert alpha.max() > 0.1
    assert float(opening.min()) > 0.7


def test_every_parameter_learns(gate: VoiceGate) -> None:
    opening, alpha, _ = gate(*scene(30))
    (opening.square().mean() + alpha.mean()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in gate.parameters())


@torch.no_grad()
def test_bands_spread_to_bins_with_a_sum_of_one(gate: VoiceGate) -> None:
    torch.testing.assert_close(gate.spread.sum(0), torch.ones(STFT.bins))
    assert (gate.spread >= 0).all()
    assert (gate.spread > 0).any(1).all()


def speech_like(frames: int, seed: int) -> Tensor:
    """A level curve in units of 10 dB, ``[frames]``."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(-2.0, 1.0, frames // 10 + 2)
    return torch.from_numpy(
        np.interp(np.arange(frames) / 10, np.arange(len(knots)), knots).astype(np.float32)
    )


def sounds(level: Tensor) -> Tensor:
    """Noise of this level in all bins, ``[1, 2, T, F]``."""
    noise = torch.randn(1, 2, len(level), STFT.bins, generator=torch.Generator().manual_seed(0))
    return noise * (10.0 ** (level / 2))[:, None]


@torch.no_grad()
def levels_of(spectrum: Tensor) -> Tensor:
    """``[B, T, 10]`` where the audio-only output is what is heard."""
    power = spectrum.square().sum(1)
    levels: Tensor = CueLevels(STFT)(power, power)
    return levels


@torch.no_grad()
def agreement_of(spectrum: Tensor, curve: Tensor, lags: tuple[int, ...] = (0, 24)) -> Tensor:
    """Correlation at each lag after all frames, mean over levels."""
    layer = CueAgreement(VoiceGateConfig(lags=lags), STFT)
    state = layer.init_state(1)
    for levels, said in zip(levels_of(spectrum).unbind(1), curve, strict=True):
        features, state = layer.step(levels, said.expand(1, LEVELS), torch.ones(1, 1), state)
    count = 2 * LEVELS
    return features[0, : len(lags) * count].unflatten(0, (len(lags), count)).mean(1)


def test_a_cue_of_the_voice_that_is_heard_agrees_now() -> None:
    level = speech_like(240, 0)
    now, before = agreement_of(sounds(level), level)
    assert now > 0.9
    assert before < 0.5


def test_a_late_cue_agrees_with_older_sound() -> None:
    level = speech_like(240, 0)
    now, before = agreement_of(sounds(level), level.roll(24))
    assert before > 0.9
    assert now < 0.5


def test_a_cue_of_somebody_else_or_of_a_still_face_does_not_agree() -> None:
    spectrum = sounds(speech_like(240, 0))
    assert agreement_of(spectrum, speech_like(240, 7))[0] < 0.6
    assert agreement_of(spectrum, torch.full((240,), 0.3))[0].abs() < 1e-3


@torch.no_grad()
def test_confidence_that_went_stale_is_earned_anew() -> None:
    torch.manual_seed(0)
    trust = CueTrust(SMALL, STFT)
    seen = scene(60)
    seen.age_s[:, 40:50] = NO_VIDEO_AGE_S
    alpha, _ = trust(levels_of(seen.spectrum), seen.cue, seen.age_s)
    assert alpha[:, 39].min() > 2 * alpha[:, 50].max() > 0
    assert not alpha[:, 40:50].any()


def test_it_costs_a_quarter_of_a_hop_of_lite_or_less() -> None:
    """Products of a step against 0.27 GMAC/s at 80 hops a second."""
    made = VoiceGate(VoiceGateConfig(), BANDS, STFT)
    a_band = {"hear.weight", "admit.weight"}
    products = sum(
        parameter.numel() * (BANDS.bands if name in a_band else 1)
        for name, parameter in made.named_parameters()
        if name.rpartition(".")[2].startswith("weight")
    )
    products += made.spread.numel() + 2 * made.gather.numel() + 2 * made.levels.bands.numel()
    assert products < 0.25 * 0.27e9 / 80


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"lags": ()}, {"memory_s": 0.0}])
def test_impossible_sizes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="voice gate"):
        VoiceGateConfig(**wrong)  # type: ignore[arg-type]


@torch.no_grad()
def test_no_finite_sound_or_cue_spoils_the_comparison() -> None:
    agreement, heard = CueAgreement(SMALL, STFT), scene(80)
    state, fresh, found = agreement.init_state(2), torch.ones(2, 1), {}
    for wild in (False, True):
        if wild:
            huge = levels_of(torch.full((2, 2, 1, STFT.bins), 1e18))[:, 0]
            _, state = agreement.step(huge, torch.full((2, LEVELS), -3e38), fresh, agreement.init_state(2))
        assert all(tensor.isfinite().all() for tensor in state)
        for levels, cue in zip(levels_of(heard.spectrum).unbind(1), heard.cue.unbind(1), strict=True):
            features, state = agreement.step(levels, cue[:, :LEVELS], fresh, state)
        found[wild] = features
        assert all(tensor.abs().max() < 1e5 for tensor in state)
    assert found[True].isfinite().all()


def test_what_training_sees_apart_is_what_runs_together() -> None:
    torch.manual_seed(0)
    seen, gate = scene(30), VoiceGate(SMALL, BANDS, STFT)
    with torch.no_grad():
        opening, alpha, _ = gate(*seen)
        torch.testing.assert_close(gate.confidence(*seen), alpha)
        torch.testing.assert_close(gate.opening(*seen[:4], alpha), opening)
