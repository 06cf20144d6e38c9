"""Early fusion: its formula, that it streams, what it hears, and how far its VCE looks ahead."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lipstream.models.config import STALE_AGE_S, EarlyConfig, StftConfig, VisualConfig
from lipstream.models.lips.early import AudioNeed, EarlyFusion, MapGate

Check = Callable[..., None]

CHANNELS, BANDS, SIZE, BATCH, FRAMES = 4, 6, 5, 2, 12
STFT = StftConfig(window=40, hop=20)


def config_of(early: EarlyConfig, vce: bool = True, fsvg: bool = True) -> VisualConfig:
    return VisualConfig(
        embedding_size=SIZE, smoothing=False, frequency_prior=False, vce=vce, fsvg=fsvg, early=early
    )


def make(config: VisualConfig, ahead: int = 0) -> EarlyFusion:
    """With weights moved off their start, so that no part is idle."""
    torch.manual_seed(0)
    fusion = EarlyFusion(CHANNELS, BANDS, config, STFT, ahead)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return fusion


PLAIN = config_of(EarlyConfig(hidden=8))
NEED = config_of(EarlyConfig(hidden=8, need=True))
DIRECT = config_of(EarlyConfig(), vce=False, fsvg=False)
ALL = pytest.mark.parametrize(
    ("config", "ahead"),
    [(PLAIN, 0), (NEED, 0), (DIRECT, 0), (NEED, 3)],
    ids=["plain", "need", "direct", "scout"],
)


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    audio = torch.randn(BATCH, CHANNELS, FRAMES, BANDS, generator=generator)
    sound = torch.randn(BATCH, 2, FRAMES, STFT.bins, generator=generator)
    embedding = torch.randn(BATCH, FRAMES, SIZE, generator=generator)
    return audio, sound, embedding, torch.linspace(0.0, 0.4, FRAMES).expand(BATCH, -1)


@ALL
@torch.no_grad()
def test_chunks_give_one_pass(config: VisualConfig, ahead: int, assert_same: Check) -> None:
    fusion, given = make(config, ahead), inputs()
    whole = fusion(*given, fusion.init_state(BATCH))
    for cuts in ([1] * FRAMES, [5, 7], [2, 9, 1]):
        state, outputs = fusion.init_state(BATCH), []
        pieces = [x.split(cuts, dim) for x, dim in zip(given, (2, 2, 1, 1), strict=True)]
        for piece in zip(*pieces, strict=True):
            fused, alpha, state = fusion(*piece, state)
            outputs.append((fused, alpha))
        found = [torch.cat(parts, dim) for parts, dim in zip(zip(*outputs, strict=True), (2, 1), strict=True)]
        assert_same((*found, state), whole)


@ALL
@torch.no_grad()
def test_the_future_changes_nothing_before_it(config: VisualConfig, ahead: int) -> None:
    fusion, given = make(config, ahead), inputs()
    before = fusion(*given, fusion.init_state(BATCH))
    other = [x.clone() for x in given]
    for x, dim in zip(other, (2, 2, 1, 1), strict=True):
        x.narrow(dim, 8, FRAMES - 8).add_(0.05)
    after = fusion(*other, fusion.init_state(BATCH))
    assert torch.equal(before[0][:, :, :8], after[0][:, :, :8])
    assert torch.equal(before[1][:, :8], after[1][:, :8])
    assert not torch.equal(before[0][:, :, 8:], after[0][:, :, 8:])


@torch.no_grad()
def test_fused_is_audio_and_one_more_channel_of_alpha_times_gate_times_need_times_map() -> None:
    fusion, (audio, sound, embedding, age_s) = make(NEED), inputs()
    fusion.vce = None  # alpha is the freshness then
    fused, alpha, _ = fusion(audio, sound, embedding, age_s, fusion.init_state(BATCH))
    assert fusion.fsvg is not None
    assert fusion.listen is not None
    assert fusion.need is not None
    visual = fusion.draw(embedding)[:, None]
    gate = fusion.fsvg(fusion.listen(audio), visual, alpha)
    strength = alpha[:, None, :, None] * (1.0 + 0.75 * fusion.need(sound)[:, None, :, None])
    channel = strength * gate * visual
    torch.testing.assert_close(fused, audio + fusion.enter.weight.view(1, -1, 1, 1) * channel)
    assert not torch.allclose(fused, audio)


@ALL
@torch.no_grad()
def test_stale_video_leaves_the_audio_bit_for_bit(config: VisualConfig, ahead: int) -> None:
    fusion, (audio, sound, embedding, age_s) = make(config, ahead), inputs()
    stale = torch.full_like(age_s, STALE_AGE_S)
    fused, alpha, _ = fusion(audio, sound, 1e3 * embedding, stale, fusion.init_state(BATCH))
    assert torch.equal(fused, audio)
    assert torch.equal(alpha, torch.zeros(BATCH, FRAMES))


@torch.no_grad()
def test_confidence_starts_at_a_half_after_five_frames_and_then_hears_and_sees() -> None:
    audio, sound, embedding, age_s = inputs()
    fresh, state = torch.zeros_like(age_s), EarlyFusion(CHANNELS, BANDS, PLAIN, STFT, 0).init_state(BATCH)
    _, alpha, _ = EarlyFusion(CHANNELS, BANDS, PLAIN, STFT, 0)(audio, sound, embedding, fresh, state)
    torch.testing.assert_close(alpha[0, :6], torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.5]))
    fusion = make(PLAIN)
    _, alpha, _ = fusion(audio, sound, embedding, fresh, state)
    for other in ((audio + 1.0, sound, embedding), (audio, sound, embedding + 1.0)):
        assert not torch.allclose(fusion(*other, fresh, state)[1], alpha)


@torch.no_grad()
def test_a_scout_tells_of_sound_by_lips_that_come_later_and_draws_those_of_its_time() -> None:
    fusion, (audio, sound, embedding, age_s) = make(PLAIN, ahead=3), inputs()
    fresh, state = torch.zeros_like(age_s), fusion.init_state(BATCH)
    fused, alpha, _ = fusion(audio, sound, embedding, fresh, state)
    assert torch.equal(alpha[:, :3], torch.zeros(BATCH, 3))  # its lips were before the start
    assert torch.equal(fused[:, :, :3], audio[:, :, :3])
    assert fusion.fsvg is not None
    assert fusion.listen is not None
    visual = fusion.draw(embedding[:, :-3])[:, None]
    gate = fusion.fsvg(fusion.listen(audio[:, :, 3:]), visual, alpha[:, 3:])
    expected = audio[:, :, 3:] + fusion.enter(alpha[:, None, 3:, None] * gate * visual)
    torch.testing.assert_close(fused[:, :, 3:], expected)
    later = embedding.clone()
    later[:, 9] += 1.0
    _, other, _ = fusion(audio, sound, later, fresh, state)
    assert (other[:, 9] != alpha[:, 9]).all()  # of the sound of frame 6
    assert torch.equal(other[:, :9], alpha[:, :9])


@torch.no_grad()
def test_the_statistics_of_need_are_those_of_the_spectrum() -> None:
    need, power = AudioNeed(StftConfig()), torch.full((201,), 0.01)
    flat = torch.stack([power.sqrt(), torch.zeros(201)])[None, :, None]
    level, flatness, crest, share = need.statistics(flat)[0, 0].tolist()
    assert level == pytest.approx(-2.0, abs=1e-3)
    assert flatness == pytest.approx(0.0, abs=1e-5)
    assert crest == pytest.approx(0.0, abs=1e-5)
    assert share == pytest.approx(68 / 201, abs=1e-4)  # bins of 40 Hz from 320 to 3000 Hz
    tone = torch.zeros_like(flat)
    tone[0, 0, 0, 25] = 1.0  # 1 kHz
    _, flatness, crest, share = need.statistics(tone)[0, 0].tolist()
    assert flatness < -2.0
    assert crest == pytest.approx(2.3, abs=0.01)  # of 201 bins
    assert share > 0.99


def test_the_gate_looks_at_one_frame_alone() -> None:
    gate, generator = MapGate(), torch.Generator().manual_seed(2)
    audio, visual = torch.randn(2, 1, 1, 5, BANDS, generator=generator).unbind(0)
    alpha = torch.rand(1, 5, generator=generator)
    before = gate(audio, visual, alpha)
    audio[:, :, 2] += 1.0
    changed = (gate(audio, visual, alpha) != before).any(-1).flatten()
    assert changed.tolist() == [False, False, True, False, False]
    assert 0.0 < before.min() < before.max() < 1.0


@torch.no_grad()
def test_turned_down_lips_add_less_with_the_same_confidence() -> None:
    fusion, (audio, sound, embedding, age_s) = make(PLAIN), inputs()
    state = fusion.init_state(BATCH)
    fused, alpha, _ = fusion(audio, sound, embedding, age_s, state)
    fusion.turn(0.25)
    turned, same, _ = fusion(audio, sound, embedding, age_s, state)
    torch.testing.assert_close(turned - audio, 0.25 * (fused - audio))
    assert torch.equal(same, alpha)
