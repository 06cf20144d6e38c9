"""Any streaming graph as a peer: states carried, spectra inverted, and descriptions that do not fit told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lipstream import Enhancer, InputError
from lipstream.bench.systems.peers.onnx import OnnxGraph, read_description
from lipstream.models.store.registry import graph_files


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, count).astype(np.float32)


def test_states_are_carried_from_call_to_call_and_constants_are_fed(delaying: Callable[..., Path]) -> None:
    peer = OnnxGraph.of_file(delaying(gain=0.5))
    wave = noise(1_000)
    late = peer.enhance(wave)
    assert not late[:160].any()
    np.testing.assert_array_equal(late[160:], wave[:-160] / 2)


def test_a_reset_forgets_the_states(delaying: Callable[..., Path]) -> None:
    peer = OnnxGraph.of_file(delaying())
    first = peer.enhance(noise(480))
    assert peer.enhance(noise(480))[:160].any()
    peer.reset()
    np.testing.assert_array_equal(peer.enhance(noise(480)), first)


def test_a_graph_that_keeps_its_spectra_gives_the_wave_back(spectral: Path) -> None:
    peer = OnnxGraph.of_file(spectral)
    wave = noise(4_000)
    for _ in range(2):
        np.testing.assert_allclose(peer.enhance(wave)[160:], wave[:-160], atol=1e-6)
        peer.reset()


def test_the_shipped_graph_by_its_description_is_the_enhancer(tmp_path: Path) -> None:
    graph, *_ = graph_files("lite")
    if not graph.is_file():
        pytest.skip("no weights ship in this checkout")
    description = tmp_path / "lite.toml"
    description.write_text(
        f'name = "lite"\ngraph = "{graph.as_posix()}"\nsample_rate = 16000\nhop = 200\ninput = "hop"\n'
        'output = "out"\n[states]\n"state_in.*" = "state_out.*"\n'
        "[constants]\ndry = 0\n"
    )
    wave = noise(8_000)
    expected = Enhancer("lite").process(wave)
    # The Enhancer holds the output back until any chunk could have it: a hop more. It gives nothing of the
    # time before the stream, a hop as well.
    late = OnnxGraph.of_file(description).enhance(wave)
    np.testing.assert_allclose(late[200:-200], expected[400:], atol=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"kept.*" = "next.*"', "", "has inputs that the description leaves out: kept.hop"),
        ('input = "hop"', 'input = "hops"', "has inputs that the description leaves out: hop"),
        ('output = "late"', 'output = "early"', "lacks outputs that the description names: early"),
        ("gain = 1.0", "gain = 1.0\nbias = 2", "lacks inputs that the description names: bias"),
    ],
)
def test_a_description_that_does_not_fit_the_graph_is_told(
    delaying: Callable[..., Path], old: str, new: str, message: str
) -> None:
    path = delaying()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        OnnxGraph.of_file(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hop = 160\n", "", "lacks hop"),
        ("hop = 160", "hop = 160\nhops = 2", "has the unknown hops"),
        ("hop = 160", 'hop = "160"', "hop must be of type int"),
        ("hop = 160", "hop = 0", "must be positive"),
        ("hop = 160", "hop = 160\nwindow = 250", "window must be twice the hop"),
        ('"delay.onnx"', '"nowhere.onnx"', "which is not there"),
        ('"next.*"', "3", "states.kept.* must be a str"),
        ("gain = 1.0", "gain = true", "constants.gain must be a float"),
        ("hop = 160", "hop 160", "is no TOML"),
    ],
)
def test_a_description_with_a_mistake_is_told(
    delaying: Callable[..., Path], old: str, new: str, message: str
) -> None:
    path = delaying()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as error:
        read_description(path)
    assert message in str(error.value)


def test_files_that_are_not_what_they_should_be_are_told(delaying: Callable[..., Path]) -> None:
    path = delaying()
    path.with_name("delay.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="is no ONNX graph"):
        OnnxGraph.of_file(path)
    with pytest.raises(InputError, match="cannot read the description"):
        read_description(path.with_name("missing.toml"))
