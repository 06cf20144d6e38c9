"""Embeddings for the network: each video frame encoded once, and held while it is the newest."""

import pytest
import torch
from torch import Tensor, nn

from lipstream.models.lite_avse import LiteAVSEMamba, build
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S
from lipstream.train.mixing.video_mixtures import VideoBatch, embed

FRAMES = 4
NEWEST = torch.tensor([[0, 0, 1, 1, 3, 3], [0, 0, 0, 2, 2, 3]])
AGE_S = torch.tensor([[0.0, 0.1, 0.0, 0.1, 0.0, 0.9], [NO_VIDEO_AGE_S, NO_VIDEO_AGE_S, 0.1, 0.2, 0.3, 0.0]])


@pytest.fixture
def net(tiny: str) -> LiteAVSEMamba:
    torch.manual_seed(0)
    return build(tiny)


@pytest.fixture
def video() -> VideoBatch:
    """Two clips of four video frames over six audio frames; the second clip starts without video."""
    crops = torch.randint(0, 256, (2, FRAMES, 32, 32, 3), generator=torch.Generator().manual_seed(1))
    return VideoBatch(crops.to(torch.uint8), NEWEST, AGE_S, torch.ones(2))


def test_each_video_frame_is_encoded_once_and_held_for_the_audio_frames_it_is_the_newest_of(
    net: LiteAVSEMamba, video: VideoBatch
) -> None:
    calls: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: tuple[Tensor, object]) -> None:
        calls.append(output[0])

    net.visual.register_forward_hook(keep)
    embedding, age_s = embed(net, video)
    (frames,) = calls
    assert frames.shape == (2, FRAMES, 8)
    assert embedding.shape == (2, 6, 8)
    assert torch.equal(age_s, AGE_S)
    for item in range(2):
        for time in range(6):
            there = AGE_S[item, time] < NO_VIDEO_AGE_S
            expected = frames[item, NEWEST[item, time]] if there else torch.zeros(8)
            assert torch.equal(embedding[item, time], expected)


def test_training_encodes_as_the_stream_does_crop_by_crop(net: LiteAVSEMamba, video: VideoBatch) -> None:
    embedding, _ = embed(net, video)
    state = net.visual.init_state(2)
    for shown in range(FRAMES):
        crop = video.crops[:, shown].permute(0, 3, 1, 2) / 255
        streamed, state = net.visual.step(crop, state)
        for item, time in torch.nonzero(NEWEST.eq(shown)).tolist():
            if AGE_S[item, time] < NO_VIDEO_AGE_S:
                torch.testing.assert_close(embedding[item, time], streamed[item])


def test_without_video_nothing_reaches_the_network_and_nothing_is_learnt(
    net: LiteAVSEMamba, video: VideoBatch
) -> None:
    unseen = video._replace(newest=torch.zeros_like(NEWEST), age_s=torch.full_like(AGE_S, NO_VIDEO_AGE_S))
    embedding, _ = embed(net, unseen)
    assert not embedding.any()
    embedding.sum().backward()
    assert all(not value.grad.any() for value in net.visual.parameters() if value.grad is not None)


def test_the_encoder_learns_from_what_is_seen(net: LiteAVSEMamba, video: VideoBatch) -> None:
    embed(net, video)[0].square().sum().backward()
    for value in net.visual.parameters():
        assert value.grad is not None
        assert value.grad.isfinite().all()
        assert value.grad.any()
