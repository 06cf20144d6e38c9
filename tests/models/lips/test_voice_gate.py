"""The voice gate: open without video, it closes no further than alpha lets it, which follows agreement."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.config import BandCodecConfig, StftConfig, VoiceGateConfig
from lipstream.models.lips.agreement import CueAgreement, CueTrust
from lipstream.models.lips.landmarks import LEVELS
from lipstream.models.lips.voice_gate import GateState, VoiceGate
from lipstream.models.state import flatten_state, state_names
from lipstream.models.store.registry import NO_VIDEO_AGE_S

Check = Callable[..., None]

STFT, BANDS = StftConfig(), BandCodecConfig()
SMALL = VoiceGateConfig(channels=4, hidden=10, squeezed=2, lags=(0, 5))
CHANNELS = 6


class Scene(NamedTuple):
    audio: Tensor
    spectrum: Tensor
    cue: Tensor
    age_s: Tensor


def scene(frames: int, age_s: float = 0.04) -> Scene:
    generator = torch.Generator().manual_seed(frames)
    return Scene(
        torch.randn(2, CHANNELS, frames, BANDS.bands, generator=generator),
        torch.randn(2, 2, frames, STFT.bins, generator=generator),
        torch.randn(2, frames, 2 * LEVELS, generator=generator),
        torch.full((2, frames), age_s),
    )


class Joined:
    """A gate as a layer of one input ``[B, T, ...]``; its output joins gate and alpha."""

    def __init__(self, gate: VoiceGate) -> None:
        self.gate = gate
        self.sizes = (CHANNELS * BANDS.bands, 2 * STFT.bins, 2 * LEVELS, 1)

    def init_state(self, batch: int) -> GateState:
        return self.gate.init_state(batch)

    def __call__(self, x: Tensor, state: GateState | None = None) -> tuple[Tensor, GateState]:
        audio, spectrum, cue, age_s = x.split(self.sizes, dim=-1)
        audio = audio.unflatten(-1, (CHANNELS, -1)).transpose(1, 2)
        spectrum = spectrum.unflatten(-1, (2, -1)).transpose(1, 2)
        opening, alpha, state = self.gate(audio, spectrum, cue, age_s.squeeze(-1).abs(), state)
        return torch.cat([opening, alpha.unsqueeze(-1)], dim=-1), state

    def step(self, x: Tensor, state: GateState) -> tuple[Tensor, GateState]:
        audio, spectrum, cue, age_s = x.split(self.sizes, dim=-1)
        opening, alpha, state = self.gate.step(
            audio.unflatten(-1, (CHANNELS, -1)),
            spectrum.unflatten(-1, (2, -1)),
            cue,
            age_s.squeeze(-1).abs(),
            state,
        )
        return torch.cat([opening, alpha.unsqueeze(-1)], dim=-1), state


def joined(seen: Scene) -> Tensor:
    audio, spectrum = (x.transpose(1, 2).flatten(2) for x in (seen.audio, seen.spectrum))
    return torch.cat([audio, spectrum, seen.cue, seen.age_s.unsqueeze(-1)], dim=-1)


@pytest.fixture
def gate() -> VoiceGate:
    """Its weights moved off their start, so that it closes."""
    torch.manual_seed(0)
    made = VoiceGate(CHANNELS, SMALL, BANDS, STFT)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
        made.leave.bias.fill_(1.0)
    return made.eval()


def test_steps_and_chunks_give_one_pass(gate: VoiceGate, assert_streams: Check) -> None:
    seen = scene(23)
    seen.age_s[:, 9:15] = 0.3
    seen.age_s[:, 15:18] = NO_VIDEO_AGE_S
    assert_streams(Joined(gate), joined(seen), 1, 1)


def test_the_gate_never_sees_the_future(gate: VoiceGate, assert_causal: Check) -> None:
    assert_causal(Joined(gate), joined(scene(12)), 1, 1)


def test_the_tensors_of_its_state_have_names(gate: VoiceGate) -> None:
    state = gate.init_state(2)
    assert state_names(state) == [
        "trust.agreement.heard",
        "trust.agreement.weight",
        "trust.agreement.moments",
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
def test_it_closes_no_further_than_alpha_lets_it(gate: VoiceGate) -> None:
    gate.leave.bias.fill_(30.0)
    opening, alpha, _ = gate(*scene(40))
    assert (opening <= 1.0).all()
    assert (opening >= 1.0 - alpha.unsqueeze(-1) - 1e-6).all()
    assert float(opening.min()) < 0.99


@torch.no_grad()
def test_an_untrained_gate_is_open() -> None:
    torch.manual_seed(0)
    opening, _, _ = VoiceGate(CHANNELS, SMALL, BANDS, STFT)(*scene(80))
    assert float(opening.min()) > 0.98


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
def agreement_of(spectrum: Tensor, curve: Tensor, lags: tuple[int, ...] = (0, 24)) -> Tensor:
    """Correlation at each lag after all frames, mean over levels."""
    layer = CueAgreement(VoiceGateConfig(lags=lags), STFT)
    state = layer.init_state(1)
    for frame, said in zip(spectrum.unbind(2), curve, strict=True):
        features, state = layer.step(frame, said.expand(1, LEVELS), torch.ones(1, 1), state)
    return features[0, : len(lags) * LEVELS].unflatten(0, (len(lags), LEVELS)).mean(1)


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
    _, spectrum, cue, age_s = scene(60)
    age_s[:, 40:50] = NO_VIDEO_AGE_S
    alpha, _ = trust(spectrum, cue, age_s)
    assert alpha[:, 39].min() > 2 * alpha[:, 50].max() > 0
    assert not alpha[:, 40:50].any()


def test_it_costs_a_quarter_of_a_hop_of_lite_or_less() -> None:
    """Products of a step against 0.27 GMAC/s at 80 hops a second."""
    made = VoiceGate(32, VoiceGateConfig(), BANDS, STFT)
    a_band = sum(layer.weight.numel() for layer in (made.hear, made.admit, made.squeeze))
    products = a_band * BANDS.bands + sum(
        parameter.numel()
        for name, parameter in made.named_parameters()
        if parameter.dim() == 2 and not name.startswith(("hear", "admit", "squeeze"))
    )
    products += made.spread.numel() + made.trust.agreement.bands.numel()
    assert products < 0.25 * 0.27e9 / 80


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"lags": ()}, {"memory_s": 0.0}])
def test_impossible_sizes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="voice gate"):
        VoiceGateConfig(**wrong)  # type: ignore[arg-type]


@torch.no_grad()
def test_no_finite_sound_or_cue_spoils_the_comparison() -> None:
    agreement = CueAgreement(SMALL, STFT)
    heard = scene(80)
    state, fresh, found = agreement.init_state(2), torch.ones(2, 1), {}
    for wild in (False, True):
        if wild:
            huge = torch.full((2, 2, STFT.bins), 3e38)
            _, state = agreement.step(huge, torch.full((2, LEVELS), -3e38), fresh, agreement.init_state(2))
        assert all(tensor.isfinite().all() for tensor in state)
        for spectrum, cue in zip(heard.spectrum.unbind(2), heard.cue.unbind(1), strict=True):
            features, state = agreement.step(spectrum, cue[:, :LEVELS], fresh, state)
        found[wild] = features
        assert all(tensor.abs().max() < 1e5 for tensor in state)
    assert found[True].isfinite().all()
