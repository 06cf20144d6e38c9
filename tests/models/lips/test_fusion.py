"""Double-gated fusion: what it adds, what age does to it, and that without video it adds exactly nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lipstream.models.config import FRESH_AGE_S, STALE_AGE_S, VisualConfig
from lipstream.models.lips.fusion import VCE, VisualFusion, freshness
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S

Check = Callable[..., None]

CHANNELS, SIZE, BATCH, FRAMES = 4, 6, 2, 9
BAND_HZ = torch.tensor([100.0, 500.0, 2000.0, 5000.0])
PLAIN = VisualConfig(embedding_size=SIZE, smoothing=False, frequency_prior=False)
FULL = VisualConfig(embedding_size=SIZE)
NO_VCE = replace(PLAIN, vce=False)
NO_FSVG = replace(PLAIN, fsvg=False)
BARE = replace(PLAIN, vce=False, fsvg=False)
ALL = {"plain": PLAIN, "full": FULL, "no vce": NO_VCE, "no fsvg": NO_FSVG, "bare": BARE}
CONFIGS = pytest.mark.parametrize("config", ALL.values(), ids=ALL)
WITH_BOTH = pytest.mark.parametrize("config", [PLAIN, FULL], ids=["plain", "full"])


def make(config: VisualConfig) -> VisualFusion:
    torch.manual_seed(0)
    return VisualFusion(CHANNELS, config, BAND_HZ)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Audio, embedding and ages of some fresh and some fading frames."""
    generator = torch.Generator().manual_seed(1)
    audio = torch.randn(BATCH, CHANNELS, FRAMES, len(BAND_HZ), generator=generator)
    embedding = torch.randn(BATCH, FRAMES, SIZE, generator=generator)
    return audio, embedding, torch.linspace(0.0, 0.45, FRAMES).expand(BATCH, -1)


@WITH_BOTH
@torch.no_grad()
def test_fused_is_audio_plus_alpha_times_gate_times_visual(config: VisualConfig) -> None:
    fusion, (audio, embedding, age_s) = make(config), inputs()
    assert fusion.vce is not None
    assert fusion.fsvg is not None
    fused, alpha, _ = fusion(audio, embedding, age_s, fusion.init_state(BATCH))
    visual = fusion.projection(embedding).transpose(1, 2)[..., None].expand_as(audio)
    confidence, _ = fusion.vce(embedding)
    torch.testing.assert_close(alpha, confidence[..., 0] * freshness(age_s))
    gate = fusion.fsvg(audio, visual)
    torch.testing.assert_close(fused, audio + alpha[:, None, :, None] * gate * visual)
    assert alpha.shape == (BATCH, FRAMES)
    assert alpha.min() > 0
    assert not torch.allclose(fused, audio)


@torch.no_grad()
def test_without_vce_alpha_is_the_freshness_and_without_fsvg_the_gate_is_open() -> None:
    audio, embedding, age_s = inputs()
    for config in (NO_VCE, NO_FSVG, BARE):
        fusion = make(config)
        fused, alpha, state = fusion(audio, embedding, age_s, fusion.init_state(BATCH))
        visual = fusion.projection(embedding).transpose(1, 2)[..., None].expand_as(audio)
        confidence = torch.ones(BATCH, FRAMES) if fusion.vce is None else fusion.vce(embedding)[0][..., 0]
        gate = 1.0 if fusion.fsvg is None else fusion.fsvg(audio, visual)
        torch.testing.assert_close(alpha, confidence * freshness(age_s))
        torch.testing.assert_close(fused, audio + alpha[:, None, :, None] * gate * visual)
        names = {name.split(".")[0] for name in fusion.state_dict()}
        assert names == {"projection"} | {part for part in ("vce", "fsvg") if getattr(config, part)}
    assert state == ()


@CONFIGS
@pytest.mark.parametrize("age_s", [STALE_AGE_S, 0.7, NO_VIDEO_AGE_S])
@torch.no_grad()
def test_stale_video_leaves_the_audio_bit_for_bit(config: VisualConfig, age_s: float) -> None:
    fusion, (audio, embedding, _) = make(config), inputs()
    state = fusion.init_state(BATCH)
    ages_s = torch.full((BATCH, FRAMES), age_s)
    for shown in (embedding, 1e4 * embedding, torch.zeros_like(embedding)):
        fused, alpha, _ = fusion(audio, shown, ages_s, state)
        assert torch.equal(fused, audio)
        assert torch.equal(alpha, torch.zeros(BATCH, FRAMES))


@torch.no_grad()
def test_no_confidence_leaves_the_audio_bit_for_bit() -> None:
    fusion, (audio, embedding, _) = make(PLAIN), inputs()
    assert isinstance(fusion.vce, VCE)
    last = fusion.vce.layers[-1]
    assert isinstance(last, nn.Linear)
    last.weight.zero_()
    last.bias.fill_(-1e4)  # sigmoid gives exactly 0
    fused, alpha, _ = fusion(audio, embedding, torch.zeros(BATCH, FRAMES), ())
    assert torch.equal(alpha, torch.zeros(BATCH, FRAMES))
    assert torch.equal(fused, audio)


@CONFIGS
@torch.no_grad()
def test_chunks_give_one_pass(config: VisualConfig, assert_same: Check) -> None:
    fusion, (audio, embedding, age_s) = make(config), inputs()
    whole = fusion(audio, embedding, age_s, fusion.init_state(BATCH))
    for cuts in ([1] * FRAMES, [4, 5], [8, 1]):
        state, outputs = fusion.init_state(BATCH), []
        pieces = (audio.split(cuts, 2), embedding.split(cuts, 1), age_s.split(cuts, 1))
        for piece in zip(*pieces, strict=True):
            fused, alpha, state = fusion(*piece, state)
            outputs.append((fused, alpha))
        fused, alpha = (
            torch.cat(parts, dim=dim) for parts, dim in zip(zip(*outputs, strict=True), (2, 1), strict=True)
        )
        assert_same((fused, alpha, state), whole)


@CONFIGS
@torch.no_grad()
def test_the_future_of_sound_and_video_changes_nothing_before_it(config: VisualConfig) -> None:
    fusion, (audio, embedding, age_s) = make(config), inputs()
    before = fusion(audio, embedding, age_s, fusion.init_state(BATCH))[:2]
    audio, embedding, age_s = audio.clone(), embedding.clone(), age_s.clone()
    audio[:, :, 5:] += 1.0
    embedding[:, 5:] += 1.0
    age_s[:, 5:] = 0.0
    after = fusion(audio, embedding, age_s, fusion.init_state(BATCH))[:2]
    assert torch.equal(before[0][:, :, :5], after[0][:, :, :5])
    assert torch.equal(before[1][:, :5], after[1][:, :5])
    assert (before[1][:, 5:] != after[1][:, 5:]).all()


def test_freshness_fades_from_fresh_to_stale() -> None:
    half = (FRESH_AGE_S + STALE_AGE_S) / 2
    ages_s = torch.tensor([0.0, FRESH_AGE_S, half, STALE_AGE_S, NO_VIDEO_AGE_S])
    torch.testing.assert_close(freshness(ages_s), torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0]))
    assert freshness(ages_s)[-2:].tolist() == [0.0, 0.0]


@given(younger=st.floats(0, 1e9), older=st.floats(0, 1e9))
def test_an_older_frame_is_never_fresher(younger: float, older: float) -> None:
    ages_s = torch.tensor(sorted((younger, older)))
    first, second = freshness(ages_s).tolist()
    assert 1.0 >= first >= second >= 0.0
