"""Streams on fixed tensors: on the CPU twin here, and as a CUDA graph where there is a GPU."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lipstream.errors import InputError
from lipstream.models.config import (
    BandCodecConfig,
    BandRegion,
    MixerConfig,
    ModelConfig,
    StftConfig,
    VisualConfig,
    VoiceGateConfig,
    preset,
)
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.state import flatten_state
from lipstream.models.wave import WaveModel
from lipstream.stream.runtimes import NO_VIDEO_AGE_S, cuda_graph, load_pool, load_runtime
from lipstream.stream.runtimes.captured import Capture, CapturedPool, CapturedRuntime, UncapturedWork
from lipstream.stream.runtimes.cuda_graph import CudaGraphCapture
from lipstream.stream.runtimes.eager import EagerRuntime

SMALL = ModelConfig(
    name="lite",
    channels=12,
    num_blocks=1,
    codec="band",
    time=MixerConfig(version=2, d_state=5, expand=2, head_size=8),
    frequency=MixerConfig(version=2, d_state=6, d_conv=3, expand=2, head_size=12, shared_directions=True),
    stft=StftConfig(window=36, hop=12),
    band=BandCodecConfig(features=4, regions=(BandRegion(3, 2), BandRegion(4, 3)), taps=2),
    visual=VisualConfig(embedding_size=24, lips_size=32),
)

GATED = replace(
    SMALL,
    visual=VisualConfig(encoder="landmarks", embedding_size=10),
    gate=VoiceGateConfig(channels=3, hidden=9, squeezed=7, trust=5, lags=(0, 4)),
)

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


class WarmedUp(UncapturedWork):
    """The CPU twin, doing the work a few times before, as a CUDA graph must."""

    def record(self, work: Callable[[], object]) -> Callable[[], object]:
        for _ in range(3):
            work()
        return work


@pytest.fixture(params=[WarmedUp, pytest.param(CudaGraphCapture, marks=needs_gpu)], ids=["cpu", "cuda"])
def capture(request: pytest.FixtureRequest) -> Capture:
    made: Capture = request.param()
    return made


def random_model(config: ModelConfig = SMALL) -> LiteAVSEMamba:
    """The same each time, with parameters away from their initial zeros and ones."""
    generator = torch.Generator().manual_seed(3)
    model = LiteAVSEMamba(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def crops(count: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def test_one_stream_equals_eager_with_video_that_comes_and_goes(capture: Capture) -> None:
    rng, lips = np.random.default_rng(5), crops(16)
    captured, eager = CapturedRuntime(random_model(), capture), EagerRuntime(random_model())
    assert captured.spec == eager.spec
    assert captured.state_bytes == eager.state_bytes
    alphas = []
    for k in range(300):
        if k == 200:
            captured.reset()
            eager.reset()
        if k % 5 == 0:
            embedding = captured.encode_lips(lips[k // 5 % 16])
            np.testing.assert_allclose(embedding, eager.encode_lips(lips[k // 5 % 16]), atol=1e-5)
        age_s = NO_VIDEO_AGE_S if 100 <= k < 150 else 0.1 * (k % 7)
        hop = (0.1 * rng.standard_normal(captured.spec.hop_samples)).astype(np.float32)
        out, alpha = captured.process_hop(hop, embedding, age_s, 0.3 if k > 250 else 0.0)
        expected, expected_alpha = eager.process_hop(hop, embedding, age_s, 0.3 if k > 250 else 0.0)
        np.testing.assert_allclose(out, expected, atol=1e-5)
        assert alpha == pytest.approx(expected_alpha, abs=1e-5)
        alphas.append(alpha)
    assert max(alphas) > 0.1
    assert set(alphas[100:150]) == {0.0}


def test_a_voice_gate_equals_eager_with_video_that_comes_and_goes(capture: Capture) -> None:
    rng, count = np.random.default_rng(6), 3
    pool = CapturedPool(random_model(GATED), capture, count)
    alone = [EagerRuntime(random_model(GATED)) for _ in range(count)]
    assert pool.state_bytes == alone[0].state_bytes
    cues, loudest = np.zeros((count, 10), np.float32), 0.0
    for k in range(80):
        active = rng.random(count) < 0.7
        fresh = [0.0, 0.3, NO_VIDEO_AGE_S] if k % 20 < 14 else [0.5, NO_VIDEO_AGE_S]
        ages_s = rng.choice(fresh, count).astype(np.float32)
        hops = (0.1 * rng.standard_normal((count, pool.spec.hop_samples))).astype(np.float32)
        stream = int(rng.integers(count))
        face = rng.uniform(100, 200, (44, 3)).astype(np.float32)
        cues[stream] = pool.see(stream, face, 0.02)
        np.testing.assert_allclose(cues[stream], alone[stream].see(face, 0.02), atol=1e-4)
        out, alphas = pool.process_hops(hops, cues, ages_s, np.zeros(count, np.float32), active)
        for n in np.flatnonzero(active):
            expected, alpha = alone[n].process_hop(hops[n], cues[n], float(ages_s[n]), 0.0)
            np.testing.assert_allclose(out[n], expected, atol=1e-5)
            assert alphas[n] == pytest.approx(alpha, abs=1e-5)
            loudest = max(loudest, alpha)
    assert loudest > 0.1
    with pytest.raises(InputError, match="sees landmarks of lips, not crops"):
        pool.encode_lips(0, crops(1)[0])


def test_streams_come_rest_and_begin_anew_as_if_each_were_alone(capture: Capture) -> None:
    rng, lips, count = np.random.default_rng(6), crops(7), 3
    pool = CapturedPool(random_model(), capture, count)
    alone = [EagerRuntime(random_model()) for _ in range(count)]
    assert pool.state_bytes == alone[0].state_bytes
    embeddings = np.zeros((count, pool.spec.embedding_size), np.float32)
    for k in range(120):
        active = rng.random(count) < 0.6
        ages_s = rng.choice([0.0, 0.3, NO_VIDEO_AGE_S], count).astype(np.float32)
        dry = rng.choice([0.0, 0.5], count).astype(np.float32)
        hops = (0.1 * rng.standard_normal((count, pool.spec.hop_samples))).astype(np.float32)
        hops[~active] = np.nan  # what stands there does not matter
        stream = int(rng.integers(count))
        embeddings[stream] = pool.encode_lips(stream, lips[k % 7])
        expected = alone[stream].encode_lips(lips[k % 7])
        np.testing.assert_allclose(embeddings[stream], expected, atol=1e-5)
        if k % 20 == 19:
            pool.reset(stream)
            alone[stream].reset()
        out, alphas = pool.process_hops(hops, embeddings, ages_s, dry, active)
        for n in range(count):
            expected, expected_alpha = np.zeros_like(hops[n]), 0.0
            if active[n]:
                expected, expected_alpha = alone[n].process_hop(hops[n], embeddings[n], ages_s[n], dry[n])
            np.testing.assert_allclose(out[n], expected, atol=1e-5)
            assert alphas[n] == pytest.approx(expected_alpha, abs=1e-5)


def test_without_video_it_is_the_audio_only_network(capture: Capture) -> None:
    captured, audio_only = CapturedRuntime(random_model(), capture), WaveModel(random_model())
    state = audio_only.init_state(1)
    leftover = np.full(captured.spec.embedding_size, 7.0, np.float32)
    for hop in 0.1 * np.random.default_rng(2).standard_normal((60, 12)).astype(np.float32):
        out, alpha = captured.process_hop(hop, leftover, NO_VIDEO_AGE_S, 0.0)
        with torch.inference_mode():
            expected, _, state = audio_only.step(
                torch.from_numpy(hop)[None], None, None, torch.zeros(1), state
            )
        assert alpha == 0.0
        np.testing.assert_allclose(out, expected[0], atol=1e-6)


def test_outputs_are_the_caller_s_to_keep(capture: Capture) -> None:
    runtime = CapturedRuntime(random_model(), capture)
    hops = np.random.default_rng(2).standard_normal((2, 12)).astype(np.float32)
    first, _ = runtime.process_hop(hops[0], np.zeros(24, np.float32), 0.1, 0.0)
    embedding = runtime.encode_lips(crops(2)[0])
    kept, kept_embedding = first.copy(), embedding.copy()
    runtime.process_hop(hops[1], np.ones(24, np.float32), 0.1, 0.0)
    runtime.encode_lips(crops(2)[1])
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(embedding, kept_embedding)


def test_states_stay_where_a_graph_would_look_for_them() -> None:
    pool = CapturedPool(random_model(), UncapturedWork(), 2)

    def addresses() -> list[int]:
        return [tensor.data_ptr() for tensor in flatten_state((pool._state, pool._lips_state))]

    before = addresses()
    hops, embeddings, numbers = (np.zeros(shape, np.float32) for shape in ((2, 12), (2, 24), 2))
    for _ in range(3):
        pool.process_hops(hops, embeddings, numbers, numbers, np.array([True, False]))
        pool.encode_lips(1, crops(1)[0])
        pool.reset(0)
    assert addresses() == before


class OnMeta(UncapturedWork):
    """Does the work on tensors without values: whoever asks for one fails."""

    device = torch.device("meta")

    def record(self, work: Callable[[], object]) -> Callable[[], object]:
        with NothingFromTheHost():
            work()
        return work


class NothingFromTheHost(TorchDispatchMode):
    """Fails on what would wait for a GPU, or copy to it from where a graph does not look again."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func._overloadpacket not in (torch.ops.aten.lift_fresh, torch.ops.aten._local_scalar_dense)
        assert all(each.is_meta or each.dim() == 0 for each in args if isinstance(each, Tensor)), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["lite", "base", "parent"])
def test_a_hop_neither_reads_values_nor_leaves_its_device(name: str) -> None:
    model = LiteAVSEMamba(replace(preset(name), num_blocks=1)).eval()
    CapturedPool(model, OnMeta(), 2)


@pytest.mark.parametrize(
    "load", [lambda: load_runtime("lite", "cuda-graph"), lambda: load_pool("lite", 2, "cuda-graph")]
)
def test_without_a_gpu_it_names_the_way_out(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"'cuda-graph' needs an NVIDIA GPU.*use 'native' or 'onnx'"):
        load()


@needs_gpu
def test_work_that_cannot_be_captured_is_done_each_time() -> None:
    number = torch.ones(1, device="cuda")
    with pytest.warns(UserWarning, match=r"cannot capture a hop on .* launched one by one"):
        assert CudaGraphCapture().record(lambda: number.item())() == 1.0


def test_a_capture_that_fails_falls_back_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a stand-in for torch.cuda, since it takes a GPU to fail on."""
    cuda = MagicMock()
    cuda.graph.side_effect = RuntimeError("operation not permitted\nwhen stream is capturing")
    cuda.current_device.return_value = 0
    cuda.get_device_name.return_value = "GPU"
    cuda.stream.side_effect = lambda _: nullcontext()
    monkeypatch.setattr(torch, "cuda", cuda)
    calls: list[None] = []
    with pytest.warns(UserWarning, match=r"on GPU \(operation not permitted\): its kernels are launched one"):
        again = CudaGraphCapture().record(lambda: calls.append(None))
    assert len(calls) == cuda_graph.WARM_UP
    again()
    assert len(calls) == cuda_graph.WARM_UP + 1
