"""A parent as a runtime: files come out as from its inference, in step, in memory that does not grow."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

import lipstream
from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.models.parents.inference import enhance_offline
from lipstream.models.parents.network import ParentNetwork
from lipstream.models.parents.registry import find_parent, load_parent
from lipstream.models.store.folder import RUN_WEIGHTS, kind_metadata
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.live.config import LiveConfig
from lipstream.stream.live.session import LiveSession
from lipstream.stream.pool import EnhancerPool
from lipstream.stream.runtimes import load_runtime
from lipstream.stream.runtimes.whole import WholeRuntime

RATE = 16_000
SIZES = {"channels": 4, "num_blocks": 1, "n_fft": 64, "hop_size": 16, "win_size": 64}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a training of a small MP-SENet."""
    torch.manual_seed(0)
    parent = find_parent("mpsenet")
    net = parent.model(parent.config(**SIZES))
    (tmp_path / "mine").mkdir()
    save_file(net.state_dict(), tmp_path / "mine" / RUN_WEIGHTS, kind_metadata("mpsenet", asdict(net.config)))
    return tmp_path / "mine"


@pytest.fixture
def net(folder: Path) -> ParentNetwork:
    return load_parent("mpsenet", folder / RUN_WEIGHTS)


def noise(samples: int) -> Float32:
    return (0.1 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


def short_windows(net: ParentNetwork, pcs: bool = False) -> WholeRuntime:
    return WholeRuntime(net, "mine", pcs, window_s=0.1, fade_s=0.02)


@pytest.mark.parametrize("samples", [900, 5_000])
@pytest.mark.parametrize("pcs", [False, True])
def test_a_stream_gives_what_inference_gives(net: ParentNetwork, samples: int, pcs: bool) -> None:
    enhancer, wave = Enhancer(runtime=short_windows(net, pcs)), noise(samples)
    late = np.concatenate([*map(enhancer.process, np.array_split(wave, 7)), enhancer.flush()])
    expected = enhance_offline(net, torch.from_numpy(wave)[None], pcs, window_s=0.1, fade_s=0.02)
    np.testing.assert_allclose(late[enhancer.latency_samples :], expected[0].numpy(), atol=1e-5)


def test_a_limit_keeps_a_share_of_the_noisy_sound_in_step(net: ParentNetwork) -> None:
    wave = noise(3_000)
    enhanced, limited = (
        np.concatenate([one.process(wave), one.flush()])[one.latency_samples :]
        for one in (
            Enhancer(runtime=short_windows(net)),
            Enhancer(runtime=short_windows(net), atten_limit_db=6.0206),
        )
    )
    np.testing.assert_allclose(limited, 0.5 * (enhanced + wave), atol=1e-5)


def test_files_and_arrays_are_enhanced_by_the_name_of_the_folder(folder: Path, net: ParentNetwork) -> None:
    wave = noise(RATE)
    soundfile.write(folder / "noisy.wav", wave, RATE, subtype="FLOAT")
    report = lipstream.enhance_file(folder / "noisy.wav", folder / "clean.wav", model=folder)
    expected = enhance_offline(net, torch.from_numpy(wave)[None])[0].numpy()
    np.testing.assert_allclose(soundfile.read(folder / "clean.wav")[0], expected, atol=1e-4)
    np.testing.assert_allclose(lipstream.enhance(wave, RATE, model=str(folder)), expected, atol=1e-4)
    assert report.runtime == "eager"
    lipstream.enhance_file(folder / "noisy.wav", folder / "pcs.wav", model=folder, runtime="pcs")
    stretched = enhance_offline(net, torch.from_numpy(wave)[None], pcs=True)[0].numpy()
    np.testing.assert_allclose(soundfile.read(folder / "pcs.wav")[0], stretched, atol=1e-4)


def test_a_file_at_another_rate_keeps_its_length(folder: Path) -> None:
    soundfile.write(folder / "noisy.wav", np.stack([noise(44_100), noise(44_100)], axis=1), 44_100)
    report = lipstream.enhance_file(folder / "noisy.wav", folder / "clean.wav", model=folder)
    assert soundfile.info(folder / "clean.wav").frames == 44_100
    assert (report.channels, report.sample_rate) == (2, 44_100)


def test_a_network_is_never_given_more_than_a_window(net: ParentNetwork) -> None:
    frames: list[int] = []
    net.register_forward_hook(lambda module, given, made: frames.append(given[0].shape[2]))
    enhancer = Enhancer(runtime=short_windows(net))
    for _ in range(20):
        enhancer.process(noise(1_000))
    assert max(frames) == 1_600 // SIZES["hop_size"] + 1
    assert len(frames) > 10


def test_what_it_is_not_for_is_told(folder: Path, net: ParentNetwork, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(100), RATE)
    with pytest.raises(InputError, match="hears only: leave out the video"):
        lipstream.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav", model=folder, video=tmp_path / "a.wav")
    with pytest.raises(InputError, match="hears whole recordings: use the runtime 'eager', or 'pcs'"):
        load_runtime(folder, "onnx")
    with pytest.raises(InputError, match="hears whole recordings"):
        EnhancerPool(2, str(folder))
    with pytest.raises(InputError, match="hears only"):
        short_windows(net).see(np.zeros((44, 3), np.float32), 0.0)
    config = LiveConfig(model=str(folder), input=tmp_path / "a.wav", output=tmp_path / "o.wav")
    with pytest.raises(InputError, match="is for files, with lipstream enhance"), LiveSession(config):
        pass
    assert not (tmp_path / "o.wav").exists()
