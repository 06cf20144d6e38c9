"""The compiled kernels built for other processors than this one: as right as on this one.

`LIPSTREAM_MARCH` names the processor. AVX2 has half as many registers as AVX-512, of half the width, and so
takes other tiles of every product and scan.
"""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu import step as cpu_step
from lipstream.models.config import ModelConfig, preset
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.wave import WaveModel
from lipstream.stream.runtimes.eager import EagerRuntime
from lipstream.stream.runtimes.native import NativeRuntime

#: The shipped model: the kernels have loops of their own for its widths, and other tests build its step too.
CONFIG = preset("lite")
ONE_BLOCK = replace(CONFIG, num_blocks=1)

#: What each processor must be able to do, as Linux names it. One with AVX-512 is seen by its native build.
NEEDS: dict[str, set[str]] = {"x86-64-v3": {"avx2", "fma", "bmi2"}, "native": set()}


def abilities() -> set[str]:
    """Of this processor; nothing is known of it elsewhere than on Linux."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return set(next((line for line in lines if line.startswith("flags")), "").split())


@pytest.fixture(params=NEEDS)
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Kernels are built for it while the test runs."""
    name: str = request.param
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("there is no C++ compiler here")
    if name != "native" and (platform.machine() != "x86_64" or not NEEDS[name] <= abilities()):
        pytest.skip(f"this processor does not run what is built for {name}")
    monkeypatch.setenv("LIPSTREAM_MARCH", name)
    caches = (cpu_calls._library, cpu_step._library)
    for cache in caches:
        cache.cache_clear()
    yield name
    for cache in caches:
        cache.cache_clear()


def model(config: ModelConfig) -> LiteAVSEMamba:
    """With parameters away from their initial zeros and ones."""
    generator = torch.Generator().manual_seed(3)
    net = LiteAVSEMamba(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return net


def learned(net: LiteAVSEMamba) -> list[Tensor]:
    """The output of a batch, and the gradients that a loss on it has."""
    generator = torch.Generator().manual_seed(5)
    frames, size = 19, CONFIG.visual.embedding_size
    wave = 0.1 * torch.randn(2, frames * CONFIG.stft.hop, generator=generator)
    embedding, age_s = torch.randn(2, frames, size, generator=generator), torch.full((2, frames), 0.05)
    net.zero_grad()
    out = WaveModel(net)(wave, embedding, age_s)[0]
    (out * torch.randn(out.shape, generator=generator)).sum().backward()
    return [out.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)]


@pytest.mark.usefixtures("processor")
def test_training_is_that_of_plain_torch() -> None:
    net = model(ONE_BLOCK)
    assert cpu_calls.available()
    found = learned(net)
    with cpu_calls.left_to_torch():
        wanted = learned(net)
    largest = max(float(tensor.norm()) for tensor in wanted[1:])
    for tensor, exact in zip(found, wanted, strict=True):
        assert (tensor - exact).norm() <= 1e-3 * exact.norm() + 1e-6 * largest


@pytest.mark.usefixtures("processor")
def test_hops_are_those_of_plain_torch() -> None:
    net = model(CONFIG)
    native = NativeRuntime(CONFIG, {name: tensor.numpy() for name, tensor in net.state_dict().items()})
    rng, waves = np.random.default_rng(7), []
    hops = 0.1 * rng.standard_normal((30, CONFIG.stft.hop)).astype(np.float32)
    embedding = rng.standard_normal(CONFIG.visual.embedding_size).astype(np.float32)
    for runtime in (native, EagerRuntime(net)):
        waves.append(np.concatenate([runtime.process_hop(hop, embedding, 0.05, 0.0)[0] for hop in hops]))
    np.testing.assert_allclose(waves[0], waves[1], atol=1e-4 * np.abs(waves[1]).max())
