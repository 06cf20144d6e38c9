"""One suite for all runtimes of the shipped model, and the proof that its graphs hold its weights."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.numpy
import torch

from lipstream.errors import InputError
from lipstream.models.config import STALE_AGE_S
from lipstream.models.lips.points import POINTS
from lipstream.models.lite_avse import build
from lipstream.models.store.checkpoint import load_model
from lipstream.models.store.export import export_graphs
from lipstream.models.store.registry import graph_files, weights_file
from lipstream.stream.runtimes import NO_VIDEO_AGE_S, RUNTIMES, Runtime, load_runtime
from lipstream.stream.runtimes.eager import EagerRuntime
from lipstream.stream.runtimes.onnx import OnnxRuntime


def load(name: str) -> Runtime:
    """The shipped model on a runtime; skips the test where there is no compiler or GPU for it."""
    if name == "native" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler builds the native runtime here")
    if name == "cuda-graph" and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    return load_runtime("lite", name)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return load(request.param)


def speech_like(hops: int, size: int) -> np.ndarray:
    """Noise under a syllable-like envelope with pauses, float32 ``[hops, size]``."""
    rng = np.random.default_rng(7)
    t = np.arange(hops * size) / 16000
    envelope = np.clip(np.sin(2 * np.pi * 3 * t) * np.sin(2 * np.pi * 0.4 * t), 0, None)
    return (0.2 * envelope * rng.standard_normal(t.size)).astype(np.float32).reshape(hops, size)


def faces(count: int) -> np.ndarray:
    """Landmarks of a face that moves, float32 ``[count, 44, 3]``."""
    rng = np.random.default_rng(8)
    face = 300 + 40 * rng.standard_normal((1, len(POINTS), 3))
    return (face + 2 * rng.standard_normal((count, len(POINTS), 3))).astype(np.float32)


def drive(runtime: Runtime, hops: int) -> tuple[np.ndarray, np.ndarray]:
    """Output and alpha of a stream whose video comes every third hop, is lost for a while, and comes back."""
    waves = speech_like(hops, runtime.spec.hop_samples)
    seen = faces(16)
    embedding, age_s = np.zeros(runtime.spec.embedding_size, np.float32), NO_VIDEO_AGE_S
    outputs, alphas = [], []
    for k, hop in enumerate(waves):
        if k % 3 == 0 and not 400 <= k < 600 and not 700 <= k < 756:
            embedding, age_s = runtime.see(seen[k % 16], 0.01), 0.01
        out, alpha = runtime.process_hop(hop, embedding, age_s, dry=0.1 if k > 800 else 0.0)
        outputs.append(out)
        alphas.append(alpha)
        age_s += 0.0125
    return np.concatenate(outputs), np.array(alphas)


@cache
def driven(name: str) -> tuple[np.ndarray, np.ndarray]:
    """What a runtime makes of a thousand hops; not to change."""
    return drive(load(name), 1000)


@pytest.mark.parametrize("name", [name for name in RUNTIMES if name != "eager"])
def test_all_agree_with_eager_over_a_thousand_hops_with_state(name: str) -> None:
    (wave, alpha), reference = driven(name), driven("eager")
    assert np.abs(wave).max() > 0.01
    np.testing.assert_allclose(wave, reference[0], atol=1e-4)
    np.testing.assert_allclose(alpha, reference[1], atol=1e-4)


def test_all_agree_with_eager_after_what_no_microphone_gives(runtime: Runtime) -> None:
    """NaN, infinity and huge samples and embeddings; then the level falls from far above to quiet speech."""
    eager, spec = load_runtime("lite", "eager"), runtime.spec
    hops = speech_like(120, spec.hop_samples)
    hops[0], hops[1, ::2], hops[2, 9:12] = 1e30, -3e38, (np.nan, np.inf, -np.inf)
    embeddings = np.full((120, spec.embedding_size), 0.1, np.float32)
    embeddings[:4] = np.array([[3e38], [np.nan], [-np.inf], [5.0]])
    outputs = []
    for hop, embedding in zip(hops, embeddings, strict=True):
        found, alpha = runtime.process_hop(hop, embedding, 0.04, 0.0)
        expected, trust = eager.process_hop(hop, embedding, 0.04, 0.0)
        assert np.isfinite(found).all()
        assert alpha == pytest.approx(trust, abs=1e-4)
        outputs.append((found, expected))
    found, expected = np.stack(outputs, axis=1)
    np.testing.assert_allclose(found[:4], expected[:4], atol=1e-3 * np.abs(expected).max())
    np.testing.assert_allclose(found[4:], expected[4:], atol=1e-4)
    assert np.abs(found[60:]).max() > 0.01


@pytest.mark.parametrize("name", RUNTIMES)
def test_alpha_is_zero_while_the_video_is_stale(name: str) -> None:
    _, alpha = driven(name)
    assert np.all(alpha[445:600] == 0.0)
    assert alpha[:400].max() > 0.0


def test_lips_that_went_stale_leave_nothing_behind(runtime: Runtime) -> None:
    """Two windows later the output is, to the bit, that of a stream that never had video."""
    waves, seen = speech_like(120, runtime.spec.hop_samples), faces(16)
    nothing, outputs = np.zeros(runtime.spec.embedding_size, np.float32), []
    for has_lips in (True, False):
        runtime.reset()
        out = []
        for k, hop in enumerate(waves):
            if has_lips and k < 60:
                cue, age_s = runtime.see(seen[k % 16], 0.0), 0.02
            else:
                cue, age_s = nothing, STALE_AGE_S if k % 2 else NO_VIDEO_AGE_S
            out.append(runtime.process_hop(hop, cue, age_s, 0.0))
        outputs.append(out)
    assert outputs[0][59][1] > 0.0
    assert not np.array_equal(outputs[0][59][0], outputs[1][59][0])
    for with_lips, without in zip(outputs[0][62:], outputs[1][62:], strict=True):
        np.testing.assert_array_equal(with_lips[0], without[0])
        assert with_lips[1] == without[1] == 0.0


def test_crops_are_refused_by_a_model_that_sees_landmarks(runtime: Runtime) -> None:
    with pytest.raises(InputError, match=r"'lite' sees landmarks of lips, not crops: call see"):
        runtime.encode_lips(np.zeros((96, 96, 3), np.uint8))


def test_landmarks_are_refused_by_a_model_that_sees_crops() -> None:
    runtime = EagerRuntime(build("base").eval())
    with pytest.raises(InputError, match=r"'base' sees crops of lips, not landmarks: call encode_lips"):
        runtime.see(faces(1)[0], 0.0)


def test_reset_makes_a_fresh_stream(runtime: Runtime) -> None:
    first, _ = drive(runtime, 30)
    runtime.reset()
    again, _ = drive(runtime, 30)
    np.testing.assert_array_equal(first, again)


def test_a_camera_s_thread_encodes_while_hops_are_processed(runtime: Runtime) -> None:
    """Both at full speed: each gives what it gives alone, and a reset reaches the lips as well."""
    waves, frames = speech_like(60, runtime.spec.hop_samples), faces(40)
    embedding = np.ones(runtime.spec.embedding_size, np.float32)

    def enhanced() -> list[np.ndarray]:
        return [runtime.process_hop(hop, embedding, 0.01, 0.0)[0].copy() for hop in waves]

    def encoded() -> list[np.ndarray]:
        return [runtime.see(face, 0.0) for face in frames]

    alone = enhanced(), encoded()
    assert not np.array_equal(alone[1][-1], runtime.see(frames[-1], 0.0))  # there is a state to carry
    runtime.reset()
    with ThreadPoolExecutor(2) as threads:
        together = threads.submit(enhanced), threads.submit(encoded)
    for expected, found in zip(alone, together, strict=True):
        np.testing.assert_array_equal(found.result(), expected)


def test_silence_stays_silent(runtime: Runtime) -> None:
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    hop = np.zeros(runtime.spec.hop_samples, np.float32)
    for _ in range(50):
        out, alpha = runtime.process_hop(hop, embedding, NO_VIDEO_AGE_S, 0.0)
    assert np.all(out == 0.0)
    assert alpha == 0.0


def test_dry_passes_the_noisy_signal_through(runtime: Runtime) -> None:
    spec = runtime.spec
    waves = speech_like(20, spec.hop_samples)
    embedding = np.zeros(spec.embedding_size, np.float32)
    out = np.concatenate([runtime.process_hop(hop, embedding, NO_VIDEO_AGE_S, 1.0)[0] for hop in waves])
    lag = spec.window_samples - spec.hop_samples
    np.testing.assert_allclose(out[lag:], waves.ravel()[:-lag], atol=1e-5)


def test_all_report_the_same_spec_and_state(runtime: Runtime) -> None:
    eager = load_runtime("lite", "eager")
    assert runtime.spec == eager.spec
    assert runtime.state_bytes == eager.state_bytes > 0


def weights_of(path: Path) -> dict[str, np.ndarray]:
    model = onnx.load(path)
    return {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}


def test_shipped_graphs_hold_the_shipped_weights() -> None:
    """To the bit where the exporter kept a tensor's name; the thousand hops above hold what it folded."""
    weights = safetensors.numpy.load_file(weights_file("lite"))
    for path in graph_files("lite"):
        held = {name.removeprefix("model.net."): array for name, array in weights_of(path).items()}
        held = {name: array for name, array in held.items() if name in weights}
        assert sum(array.size for array in held.values()) > 40_000
        for name, array in held.items():
            np.testing.assert_array_equal(array, weights[name], err_msg=name)


def test_exported_graphs_tell_nothing_of_the_machine_that_made_them() -> None:
    for path in graph_files("lite"):
        content = path.read_bytes()
        assert b"site-packages" not in content
        assert str(Path(__file__).resolve().parents[3]).encode() not in content


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: load_runtime("nothing"), "unknown model 'nothing'"),
        (lambda: load_runtime("lite", "abacus"), "unknown runtime 'abacus'"),
        (lambda: load_runtime("parent"), "no weights ship with model 'parent'"),
        (lambda: load_model("lite", Path("nowhere.safetensors")), "no such weights file"),
    ],
)
def test_bad_names_get_one_clear_line(call: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="does not fit preset 'lite'"):
        load_model("lite", tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights at all")
    with pytest.raises(InputError, match="no safetensors file"):
        load_model("lite", tmp_path / "text.safetensors")


def test_a_file_that_is_no_graph_of_ours_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a graph")
    with pytest.raises(InputError, match="no graph"):
        OnnxRuntime(text, text)
    model = onnx.load(graph_files("lite")[1])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match="no graph of lipstream"):
        OnnxRuntime(tmp_path / "foreign.onnx", text)


def test_export_to_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        export_graphs(build("lite").eval(), tmp_path / "file" / "folder")
