"""The native runtime on models of odd sizes and without parts of the fusion, and where it can't serve."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.errors import InputError
from lipstream.kernels import build, processors
from lipstream.kernels.cpu import step as cpu_step
from lipstream.models.config import (
    BandCodecConfig,
    BandRegion,
    LandmarkConfig,
    MemoryConfig,
    MixerConfig,
    ModelConfig,
    StftConfig,
    VisualConfig,
    VoiceGateConfig,
    preset,
)
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.registry import weights_file
from lipstream.models.store.step.sizes import step_sizes
from lipstream.models.store.step.weights import step_weights
from lipstream.models.store.tensor_file import read_tensors
from lipstream.stream.defaults import AUTO
from lipstream.stream.runtimes import NO_VIDEO_AGE_S, chosen_runtime, load_runtime
from lipstream.stream.runtimes.eager import EagerRuntime
from lipstream.stream.runtimes.native import NativePool, NativeRuntime
from lipstream.stream.runtimes.onnx import OnnxRuntime
from tests.model_folders import lite_folder

#: Sizes that fill no vector, another overlap, mixers of different widths.
ODD = ModelConfig(
    name="lite",
    channels=20,
    num_blocks=1,
    codec="band",
    time=MixerConfig(version=2, d_state=5, d_conv=2, expand=2, head_size=8),
    frequency=MixerConfig(version=2, d_state=6, d_conv=4, expand=3, head_size=20, shared_directions=True),
    stft=StftConfig(window=36, hop=12, compression=0.5),
    band=BandCodecConfig(features=5, regions=(BandRegion(3, 2), BandRegion(4, 3)), taps=2),
    visual=VisualConfig(embedding_size=24),
)
UNSMOOTHED = replace(ODD, visual=replace(ODD.visual, smoothing=False, frequency_prior=False))

#: The same with the separable codec, at half of 19 bins.
SEPARABLE = replace(ODD, name="base", codec="separable")

#: Narrower than a vector, and more features than the narrowest vector holds.
MEMORY = MemoryConfig(5, 10, MixerConfig(version=2, d_state=3, d_conv=3, expand=2, head_size=4))
REMEMBERING = replace(ODD, memory=MEMORY)

#: Lips as landmarks, in sizes that fill no vector either.
LANDMARKS = LandmarkConfig(channels=6, layers=2, taps=3, members=2, memory_ticks=20)
GATED = replace(
    REMEMBERING,
    visual=VisualConfig(encoder="landmarks", embedding_size=10, landmarks=LANDMARKS),
    gate=VoiceGateConfig(channels=3, hidden=9, layers=2, squeezed=7, trust=5, memory_s=0.05, lags=(0, 3, 7)),
)

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler here"
)


def random_model(config: ModelConfig) -> LiteAVSEMamba:
    """With parameters away from their initial zeros and ones."""
    generator = torch.Generator().manual_seed(3)
    model = LiteAVSEMamba(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def run(runtime: EagerRuntime | NativeRuntime, hops: int) -> tuple[np.ndarray, np.ndarray]:
    """A stream whose video comes, ages, is lost and comes back; dry in the end."""
    rng, spec = np.random.default_rng(5), runtime.spec
    outputs, alphas = [], []
    for k in range(hops):
        if k % 4 == 0:
            embedding = rng.standard_normal(spec.embedding_size).astype(np.float32)
        age_s = NO_VIDEO_AGE_S if 40 <= k < 60 else 0.1 * (k % 7)
        hop = (0.1 * rng.standard_normal(spec.hop_samples)).astype(np.float32)
        out, alpha = runtime.process_hop(hop, embedding, age_s, 0.3 if k > 90 else 0.0)
        outputs.append(out)
        alphas.append(alpha)
    return np.concatenate(outputs), np.array(alphas)


def tensors_of(model: LiteAVSEMamba) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


@needs_compiler
@pytest.mark.parametrize(
    "config",
    [
        ODD,
        UNSMOOTHED,
        ODD.without("vce"),
        ODD.without("fsvg"),
        ODD.without("vce", "fsvg"),
        REMEMBERING,
        SEPARABLE,
        replace(SEPARABLE, memory=MEMORY),
        GATED,
    ],
    ids=[
        *("whole", "unsmoothed", "no-vce", "no-fsvg", "neither", "memory", "separable", "separable-memory"),
        "gated",
    ],
)
def test_any_model_equals_torch(config: ModelConfig) -> None:
    model = random_model(config)
    native = NativeRuntime(config, tensors_of(model))
    (wave, alpha), (expected, expected_alpha) = (run(each, 120) for each in (native, EagerRuntime(model)))
    np.testing.assert_allclose(wave, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(alpha, expected_alpha, atol=1e-5)
    assert alpha.max() > 0.05  # that of a gate rises frame by frame, and here every seventh is stale
    native.reset()
    np.testing.assert_array_equal(run(native, 120)[0], wave)


@needs_compiler
def test_ticks_of_landmarks_equal_torch() -> None:
    """A face that moves, turns up late, is lost and comes back; whose pictures repeat."""
    model, rng = random_model(GATED), np.random.default_rng(9)
    native, eager = NativeRuntime(GATED, tensors_of(model)), EagerRuntime(model)
    face = 300 + 40 * rng.standard_normal((44, 3))
    cues = []
    for k in range(120):
        shown = (face + 3 * rng.standard_normal((44, 3))).astype(np.float32)
        if k < 3:
            shown[:] = 0
        age_s = 0.04 * max(k - 50, 0) if 50 <= k < 85 else (0.0, 0.02, 0.06)[k % 3]
        found, expected = (runtime.see(shown, age_s) for runtime in (native, eager))
        np.testing.assert_allclose(found, expected, atol=1e-4)
        cues.append(expected)
    assert np.ptp(cues, axis=0).min() > 0.01


@needs_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="its baseline is that of x86-64")
def test_the_narrowest_vectors_do_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPSTREAM_MARCH", "x86-64")
    cpu_step._library.cache_clear()
    model = random_model(REMEMBERING)
    wave, _ = run(NativeRuntime(REMEMBERING, tensors_of(model)), 120)
    cpu_step._library.cache_clear()
    expected, _ = run(EagerRuntime(model), 120)
    np.testing.assert_allclose(wave, expected, atol=1e-4 * np.abs(expected).max())


@needs_compiler
def test_streams_do_not_share_state() -> None:
    tensors = read_tensors(weights_file("lite"))
    alone, first, second = (NativeRuntime(preset("lite"), tensors) for _ in range(3))
    embedding = np.zeros(alone.spec.embedding_size, np.float32)
    hops = (0.1 * np.random.default_rng(2).standard_normal((20, 200))).astype(np.float32)
    for hop, other in zip(hops, hops[::-1], strict=True):
        second.process_hop(other, embedding, NO_VIDEO_AGE_S, 0.0)
        expected, _ = alone.process_hop(hop, embedding, NO_VIDEO_AGE_S, 0.0)
        np.testing.assert_array_equal(first.process_hop(hop, embedding, NO_VIDEO_AGE_S, 0.0)[0], expected)


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("config", "streams"),
    [(SEPARABLE, 2), (GATED, 9), *((REMEMBERING, streams) for streams in (1, 3, 4, 5, 9, 18))],
    ids=lambda value: value.visual.encoder + value.codec if isinstance(value, ModelConfig) else str(value),
)
def test_streams_of_a_pool_equal_streams_of_their_own(
    config: ModelConfig, streams: int, threads: int
) -> None:
    tensors = tensors_of(random_model(config))
    pool = NativePool(config, tensors, streams, threads)
    sizes, weights = step_sizes(config), step_weights(config, tensors)
    alone = [cpu_step.StepPool(sizes, weights) for _ in range(streams)]
    rng, dry = np.random.default_rng(6), np.linspace(0.0, 0.3, streams, dtype=np.float32)
    for k in range(42):
        if k == 25:
            pool.reset(streams - 1)
            alone[-1].reset(0)
        sizes_of_rows = (12, config.visual.embedding_size)
        hops, embeddings = (rng.standard_normal((streams, n)).astype(np.float32) for n in sizes_of_rows)
        ages_s = np.full(streams, 0.1, np.float32)
        ages_s[streams // 2 :] = NO_VIDEO_AGE_S if k < 20 else 0.2
        active = rng.random(streams) < (0.3, 0.7, 1.0)[k % 3]
        out, alphas = pool.process_hops(hops, embeddings, ages_s, dry, active)
        for s in np.flatnonzero(active):
            wave, alpha = alone[s].hop(hops[s], embeddings[s], float(ages_s[s]), float(dry[s]))
            np.testing.assert_array_equal(out[s], wave)
            assert alphas[s] == np.float32(alpha)
        assert not out[~active].any()
    assert np.abs(out).max() > 0.01


@needs_compiler
def test_outputs_are_the_caller_s_to_keep() -> None:
    runtime = NativeRuntime(preset("lite"), read_tensors(weights_file("lite")))
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    hops = np.ones((2, runtime.spec.hop_samples), np.float32)
    first, _ = runtime.process_hop(hops[0], embedding, NO_VIDEO_AGE_S, 1.0)
    kept = first.copy()
    runtime.process_hop(hops[1], embedding, NO_VIDEO_AGE_S, 1.0)
    np.testing.assert_array_equal(first, kept)


def without_one() -> NativeRuntime:
    tensors = read_tensors(weights_file("lite"))
    del tensors["blocks.1.time_linear.bias"]
    return NativeRuntime(preset("lite"), tensors)


def with_another_shape() -> NativeRuntime:
    tensors = read_tensors(weights_file("lite"))
    tensors["codec.decoder.mix.bias"] = np.zeros(3, np.float32)
    return NativeRuntime(preset("lite"), tensors)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: NativeRuntime.of_preset("nothing"), "unknown model 'nothing'"),
        (lambda: NativeRuntime.of_preset("base"), "no weights ship with model 'base'"),
        (lambda: NativeRuntime(preset("base"), {}), r"dense_conv_1\.0\.weight is missing"),
        (lambda: NativeRuntime(preset("parent"), {}), "does not serve model 'parent'"),
        (lambda: NativeRuntime(ODD.offline(), {}), "does not serve"),
        (lambda: NativeRuntime(replace(ODD, memory=MemoryConfig(mixer=MixerConfig())), {}), "does not serve"),
        (without_one, r"blocks\.1\.time_linear\.bias is missing"),
        (with_another_shape, r"codec\.decoder\.mix\.bias is of shape \[3\], not \[24\]"),
    ],
)
def test_what_it_cannot_run_gets_one_clear_line(call: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()


def test_without_a_compiler_it_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = replace(preset("lite"), num_blocks=1)  # not loaded by any other test
    tensors = tensors_of(LiteAVSEMamba(config))
    with pytest.raises(InputError, match=r"no C\+\+ compiler.*or use 'onnx'"):
        NativeRuntime(config, tensors)


@needs_compiler
def test_a_model_folder_gives_what_its_preset_gives(tmp_path: Path) -> None:
    folder = lite_folder(tmp_path / "mine")
    hop, cue = np.full(200, 0.1, np.float32), np.zeros(10, np.float32)
    preset_gives, folder_gives = (
        NativeRuntime.of_preset(model).process_hop(hop, cue, 0.1, 0.0)[0] for model in ("lite", folder)
    )
    np.testing.assert_array_equal(folder_gives, preset_gives)
    assert NativeRuntime.library_of(folder) is not None
    assert NativePool.of_preset(folder, 2).streams == 2


@needs_compiler
def test_it_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np; from lipstream.stream.runtimes import load_runtime\n"
        "runtime = load_runtime('lite', 'native')\n"
        "runtime.process_hop(np.zeros(200, np.float32), np.zeros(10, np.float32), 0.1, 0.0)\n"
        "runtime.see(np.zeros((44, 3), np.float32), 0.0)\n"
        "print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False"]


@needs_compiler
def test_auto_is_native_once_it_was_built_and_never_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "SHIPPED", tmp_path / "shipped")
    assert chosen_runtime("lite") == "onnx"
    assert isinstance(load_runtime("lite"), OnnxRuntime)
    assert not list(tmp_path.rglob("*.so"))
    cpu_step._library.cache_clear()
    load_runtime("lite", "native")
    assert chosen_runtime("lite") == "native"
    assert isinstance(load_runtime("lite", AUTO), NativeRuntime)
    assert chosen_runtime("lite", "eager") == "eager"
    assert chosen_runtime("parent") == "onnx"
    (built,) = tmp_path.rglob("*.so")
    (tmp_path / "shipped").mkdir()
    level = processors.runnable_here()[0]
    built.rename(tmp_path / "shipped" / step_sizes(preset("lite")).code().file_name(level))
    assert chosen_runtime("lite") == "native"
