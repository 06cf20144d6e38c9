"""Models with an early fusion, of crops or landmarks: streams, graphs, gaps, and what looking ahead costs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.config import (
    CUE_SIZE,
    BandCodecConfig,
    BandRegion,
    EarlyConfig,
    LandmarkConfig,
    MixerConfig,
    ModelConfig,
    VisualConfig,
    preset,
)
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.export import export_graphs
from lipstream.models.store.registry import NO_VIDEO_AGE_S, StreamSpec
from lipstream.models.store.step.sizes import step_sizes
from lipstream.models.wave import WaveModel
from lipstream.stream.runtimes.eager import EagerPool, EagerRuntime
from lipstream.stream.runtimes.onnx import OnnxRuntime

Check = Callable[..., None]

HOP, FRAMES = 200, 24
SCOUT = EarlyConfig(hidden=8, need=True, scout_frames=2)


def config_of(encoder: str, early: EarlyConfig | None) -> ModelConfig:
    visual = VisualConfig(
        encoder="landmarks" if encoder == "landmarks" else "conv3d",
        embedding_size=CUE_SIZE,
        lips_size=32,
        landmarks=LandmarkConfig(channels=4, members=1),
        smoothing=early is None,
        frequency_prior=early is None,
        early=early,
    )
    return ModelConfig(
        name="tiny",
        channels=4,
        num_blocks=1,
        codec="band",
        time=MixerConfig(version=2, expand=2, d_state=4, head_size=4),
        frequency=MixerConfig(version=2, expand=2, d_state=4, head_size=4, shared_directions=True),
        band=BandCodecConfig(features=4, regions=(BandRegion(10, 20),), taps=1),
        visual=visual,
    )


def net_of(config: ModelConfig) -> LiteAVSEMamba:
    """With weights moved off their start, so that no part is idle."""
    torch.manual_seed(0)
    net = LiteAVSEMamba(config)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return net.eval()


FORMS = pytest.mark.parametrize(
    ("encoder", "early"),
    [("crops", SCOUT), ("landmarks", SCOUT), ("landmarks", None)],
    ids=["crops", "landmarks", "landmarks-own"],
)


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two streams of one wave; the lips of the second are gone on the way, and never there at its end."""
    generator = torch.Generator().manual_seed(1)
    wave = 0.1 * torch.randn(2, FRAMES * HOP, generator=generator)
    embedding = torch.randn(2, FRAMES, CUE_SIZE, generator=generator)
    age_s = 0.04 * torch.rand(2, FRAMES, generator=generator)
    age_s[1, 8:13] = 1.5
    age_s[1, 20:] = NO_VIDEO_AGE_S
    return wave, embedding, age_s, torch.rand(2, FRAMES, generator=generator)


@FORMS
@torch.no_grad()
def test_hops_and_chunks_give_one_pass(encoder: str, early: EarlyConfig | None, assert_same: Check) -> None:
    model = WaveModel(net_of(config_of(encoder, early)))
    wave, embedding, age_s, dry = inputs()
    whole = model(wave, embedding, age_s, dry)
    state, outputs = model.init_state(2), []
    for t, hop in enumerate(wave.split(HOP, 1)):
        out, alpha, state = model.step(hop, embedding[:, t], age_s[:, t], dry[:, t], state)
        outputs.append((out, alpha[:, None]))
    found = tuple(torch.cat(parts, dim=1) for parts in zip(*outputs, strict=True))
    assert_same((*found, state), whole, model)
    begun = model(wave[:, : 9 * HOP], embedding[:, :9], age_s[:, :9], dry[:, :9])
    rest = model(wave[:, 9 * HOP :], embedding[:, 9:], age_s[:, 9:], dry[:, 9:], begun[2])
    parts = (torch.cat(pair, dim=1) for pair in zip(begun[:2], rest[:2], strict=True))
    assert_same((*parts, rest[2]), whole, model)


@torch.no_grad()
def test_a_scout_gives_what_was_heard_seven_hops_before_and_bypass_says_so() -> None:
    config = config_of("crops", SCOUT)
    assert config.lookahead_frames == 7  # 80 ms in frames of 12.5 ms
    spec = StreamSpec.of(config)
    assert (spec.lookahead_samples, spec.latency_samples) == (7 * HOP, 400 + 7 * HOP)
    model, (wave, embedding, age_s, _) = WaveModel(net_of(config)), inputs()
    bypassed, _, _ = model(wave, embedding, age_s, torch.ones(2, FRAMES))
    lag = spec.latency_samples - HOP
    torch.testing.assert_close(bypassed[:, lag:], wave[:, :-lag], rtol=1e-4, atol=1e-5)
    louder = wave.clone()
    louder[:, 10 * HOP :] *= 2.0
    before, after = model(wave, embedding, age_s)[0], model(louder, embedding, age_s)[0]
    assert torch.equal(before[:, : 17 * HOP], after[:, : 17 * HOP])
    assert not torch.equal(before[:, 17 * HOP : 18 * HOP], after[:, 17 * HOP : 18 * HOP])


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["crops", "landmarks"])
@torch.no_grad()
def test_graphs_give_what_torch_does_with_lips_that_come_and_go(encoder: str, tmp_path: Path) -> None:
    net = net_of(config_of(encoder, SCOUT))
    graphs = export_graphs(net, tmp_path)
    onnx, eager = OnnxRuntime(*graphs), EagerRuntime(net)
    assert onnx.spec == eager.spec == StreamSpec.of(net.config)
    wave, embedding, age_s, dry = (array.numpy() for array in inputs())
    alphas = []
    for t in range(FRAMES):
        given = wave[1, t * HOP : (t + 1) * HOP], embedding[1, t], float(age_s[1, t]), float(dry[1, t])
        (out, alpha), (wanted, wanted_alpha) = onnx.process_hop(*given), eager.process_hop(*given)
        np.testing.assert_allclose(out, wanted, atol=1e-5)
        assert alpha == pytest.approx(wanted_alpha, abs=1e-5)
        alphas.append(alpha)
    assert max(alphas[:8]) > 0.0


@torch.no_grad()
def test_a_pool_gives_a_stream_what_it_would_get_alone_whoever_else_shows_lips() -> None:
    net = net_of(config_of("landmarks", SCOUT))
    pool, alone = EagerPool(net, 2), EagerRuntime(net)
    wave, embedding, age_s, dry = (array.numpy() for array in inputs())
    for t in range(FRAMES):
        hops, active = np.ascontiguousarray(wave[:, t * HOP : (t + 1) * HOP]), np.ones(2, bool)
        out, alphas = pool.process_hops(hops, embedding[:, t], age_s[:, t], dry[:, t], active)
        wanted, alpha = alone.process_hop(hops[1], embedding[1, t], float(age_s[1, t]), float(dry[1, t]))
        np.testing.assert_allclose(out[1], wanted, atol=1e-5)
        assert alphas[1] == pytest.approx(alpha, abs=1e-5)


def test_the_compiled_step_refuses_what_it_cannot_do() -> None:
    for encoder, early in (("crops", SCOUT), ("landmarks", None)):
        with pytest.raises(InputError, match="'native' does not serve model 'tiny'"):
            step_sizes(config_of(encoder, early))


def test_parts_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="no fusion beside it"):
        replace(preset("lite"), visual=replace(config_of("landmarks", SCOUT).visual))
    with pytest.raises(InputError, match="scout_frames are for streams"):
        config_of("crops", SCOUT).offline()
    with pytest.raises(InputError, match="are of the other fusion"):
        VisualConfig(early=EarlyConfig())
    with pytest.raises(InputError, match="are looked at by the VCE"):
        VisualConfig(vce=False, smoothing=False, frequency_prior=False, early=SCOUT)
    sizes: list[dict[str, Any]] = [{"hidden": 0}, {"taps": 0}, {"scout_frames": -1}]
    for values in sizes:
        with pytest.raises(InputError, match="scout_frames at least 0"):
            EarlyConfig(**values)
