"""A repository for Triton: the server's own schema takes it, and its graphs are the stream, hop by hop."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from lipstream import InputError
from lipstream.cli import main
from lipstream.core.arrays import Float32
from lipstream.models.store.registry import NO_VIDEO_AGE_S
from lipstream.models.store.triton_repository import STATE_IN, STATE_OUT, write_repository
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.runtimes.onnx import OnnxRuntime

HOPS = 40
NAMES = ("lipstream_lite", "lipstream_lite_cue", "lipstream_lite_gate")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("triton")
    write_repository("lite", folder)
    return folder


def config_of(repository: Path, name: str) -> Any:
    """As the server reads it: by the schema that its client package carries."""
    pytest.importorskip("tritonclient.grpc")
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    text = (repository / name / "config.pbtxt").read_text()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def session_of(repository: Path, name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(repository / name / "1" / "model.onnx"))


class Sequences:
    """What the sequence batcher does with a graph: the state of each correlation id, zeros at its start."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        (self._size,) = {item.shape[1] for item in session.get_inputs() if item.name == STATE_IN}
        self._states: dict[int, Float32] = {}

    def infer(self, ids: list[int], **inputs: Float32) -> dict[str, Float32]:
        """One batch of requests, one for each id."""
        zeros = np.zeros(self._size, np.float32)
        states = np.stack([self._states.get(number, zeros) for number in ids])
        names = [item.name for item in self._session.get_outputs()]
        outputs = dict(zip(names, self._session.run(None, inputs | {STATE_IN: states}), strict=True))
        self._states.update(zip(ids, outputs.pop(STATE_OUT), strict=True))
        return outputs


def noise(seed: int) -> Float32:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, (HOPS, 200)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_servers_schema_takes_the_configuration_and_it_is_true_of_the_graph(
    repository: Path, name: str
) -> None:
    config, session = config_of(repository, name), session_of(repository, name)
    batching = config.sequence_batching
    assert (config.name, config.backend) == (name, "onnxruntime")
    assert batching.WhichOneof("strategy_choice") == "oldest"
    assert batching.max_sequence_idle_microseconds == 10_000_000
    (state,) = batching.state
    assert (state.input_name, state.output_name) == (STATE_IN, STATE_OUT)
    (initial,) = state.initial_state
    assert (initial.zero_data, initial.dims, initial.data_type) == (True, state.dims, state.data_type)
    for told, items in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        shapes = {item.name: list(item.dims) for item in told}
        shapes[STATE_IN if items[0].name in ("hop", "landmarks") else STATE_OUT] = list(state.dims)
        batch = 1 if config.max_batch_size else 0
        assert shapes == {item.name: item.shape[batch:] for item in items}
        assert all(isinstance(item.shape[0], str) == bool(batch) for item in items)


def test_hops_of_several_streams_are_those_of_an_enhancer_each(repository: Path) -> None:
    sequences = Sequences(session_of(repository, "lipstream_lite"))
    sounds = {7: noise(7), 8: noise(8)}
    heard: dict[int, list[Float32]] = {7: [], 8: []}
    for hop in range(HOPS):
        ids = [7] if hop < 5 else [8, 7]  # one joins later, and the order in a batch changes
        inputs = np.stack([sounds[number][hop if number == 7 else hop - 5] for number in ids])
        out = sequences.infer(ids, hop=inputs, dry=np.zeros((len(ids), 1), np.float32))["out"]
        for number, samples in zip(ids, out, strict=True):
            heard[number].append(samples)
    for number, sound in sounds.items():
        hops = len(heard[number])
        enhancer = Enhancer("lite", runtime="onnx")
        expected = enhancer.process(sound[:hops].reshape(-1))
        # An Enhancer's output lags by the window of 400 samples, that of a hop by the window less its hop;
        # the first hop's lies before the stream.
        apart = np.concatenate(heard[number])[200:-200] - expected[400:]
        assert np.abs(apart).max() <= 1e-6
        assert np.abs(expected).max() > 0.01


def test_lips_go_through_the_cue_and_the_gate(repository: Path) -> None:
    cues = Sequences(session_of(repository, "lipstream_lite_cue"))
    gates = Sequences(session_of(repository, "lipstream_lite_gate"))
    runtime, sound, random = OnnxRuntime.of_preset("lite"), noise(1), np.random.default_rng(2)
    cue = np.zeros(10, np.float32)
    alphas = []
    for hop in range(HOPS):
        lips = 10 <= hop < 30  # before and after, audio alone
        if lips and hop % 3 == 0:
            face = random.uniform(200, 400, (44, 3)).astype(np.float32)
            cue = runtime.see(face, 0.0)
            told = cues.infer([1], landmarks=face[None], age_s=np.zeros((1, 1), np.float32))["cue"][0]
            np.testing.assert_allclose(told, cue, rtol=0, atol=1e-6)
        age_s = 0.0125 * (hop % 3) if lips else NO_VIDEO_AGE_S
        expected, alpha = runtime.process_hop(sound[hop], cue, age_s, 0.25)
        outputs = gates.infer(
            [1],
            hop=sound[hop][None],
            embedding=cue[None],
            video_age_s=np.full((1, 1), age_s, np.float32),
            dry=np.full((1, 1), 0.25, np.float32),
        )
        np.testing.assert_allclose(outputs["out"][0], expected, rtol=0, atol=1e-6)
        assert outputs["alpha"][0, 0] == pytest.approx(alpha, abs=1e-6)
        alphas.append(alpha)
    assert max(alphas) > 0


def test_the_command_writes_it_and_names_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "lite", "--triton", str(tmp_path / "models")]) == 0
    files = sorted(map(Path, capsys.readouterr().out.split()))
    ends = ("1/model.onnx", "config.pbtxt")
    assert files == sorted(tmp_path / "models" / name / end for name in NAMES for end in ends)
    assert all(file.is_file() for file in files)


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["export", "base", "--triton", "models"], "no weights ship"),
        (["export", "lite", "--weights", "a.safetensors", "--triton", "models"], "then lipstream export DIR"),
        (["export", "lite", "--triton", "file/models"], "choose another --triton"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_line(
    words: list[str],
    fix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main(words) == 2
    assert fix in capsys.readouterr().err
    assert not Path("models").exists()


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown model"):
        write_repository("nobody", tmp_path)
