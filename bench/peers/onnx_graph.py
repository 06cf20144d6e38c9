"""Any streaming ONNX graph as a peer, by its description."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...errors import InputError
from .base import in_frames
from .onnx_description import OnnxDescription, read_description
from .onnx_session import open_session

_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


class OnnxGraph:
    """A graph called once a hop, its state outputs fed back as state inputs.

    Raises:
        InputError: the description does not fit the graph.
    """

    def __init__(self, description: OnnxDescription) -> None:
        self.sample_rate = description.sample_rate
        self.frame_samples = description.hop
        self._session = open_session(description.graph)
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        self._input, self._output = description.input, description.output
        self._states = description.state_pairs(list(inputs))
        self._constants = {
            name: _filled(inputs[name], value)
            for name, value in description.constants.items()
            if name in inputs
        }
        self._check(description)
        self._input_shape = _open_shape(inputs[self._input].shape)
        self._zeros = {name: _filled(inputs[name], 0) for name in self._states}
        self._stft = None if description.window is None else Stft(description.window, description.hop)
        self.reset()

    @classmethod
    def of_file(cls, description: Path) -> "OnnxGraph":
        """The graph of a description file."""
        return cls(read_description(description))

    def reset(self) -> None:
        self._carried = dict(self._zeros)
        if self._stft is not None:
            self._stft.reset()

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._step, wave, self.frame_samples)

    def _step(self, hop: Float32) -> Float32:
        if self._stft is None:
            return self._run(hop)
        pairs = self._stft.analyse(hop).view(np.float32)
        return self._stft.synthesise(self._run(pairs).view(np.complex64))

    def _run(self, values: Float32) -> Float32:
        feeds = {self._input: values.reshape(self._input_shape), **self._carried, **self._constants}
        out, *states = self._session.run([self._output, *self._states.values()], feeds)
        self._carried = dict(zip(self._states, states, strict=True))
        return np.ascontiguousarray(out, np.float32).reshape(-1)

    def _check(self, description: OnnxDescription) -> None:
        inputs = {entry.name for entry in self._session.get_inputs()}
        outputs = {entry.name for entry in self._session.get_outputs()}
        named = {self._input, *self._states, *description.constants}
        for what, names in [
            ("has inputs that the description leaves out", inputs - named),
            ("lacks inputs that the description names", named - inputs),
            ("lacks outputs that the description names", {self._output, *self._states.values()} - outputs),
        ]:
            if names:
                raise InputError(f"{description.name}: the graph {what}: {', '.join(sorted(names))}")


class Stft:
    """Frames with the square root of a periodic Hann window, overlap-added with it again: the identity."""

    def __init__(self, window: int, hop: int) -> None:
        self._hop = hop
        angles = 2 * np.pi * np.arange(window) / window
        # Shifted copies of the squared window sum to window / (2 hop).
        self._root = np.sqrt((0.5 - 0.5 * np.cos(angles)) * 2 * hop / window).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        self._recent = np.zeros_like(self._root)
        self._overlap = np.zeros_like(self._root)

    def analyse(self, hop: Float32) -> npt.NDArray[np.complex64]:
        """The spectrum ``[window / 2 + 1]`` of the window that ends with this hop."""
        self._recent = np.concatenate([self._recent[self._hop :], hop])
        return np.fft.rfft(self._root * self._recent).astype(np.complex64)

    def synthesise(self, spectrum: npt.NDArray[np.complex64]) -> Float32:
        """The next hop, late by window - hop."""
        self._overlap = np.concatenate([self._overlap[self._hop :], np.zeros(self._hop, np.float32)])
        self._overlap += self._root * np.fft.irfft(spectrum, len(self._root)).astype(np.float32)
        return self._overlap[: self._hop].copy()


def _filled(entry: Any, value: float) -> npt.NDArray[Any]:
    """A tensor for an input of a graph; sizes that the graph leaves open are 1."""
    shape = [size if isinstance(size, int) else 1 for size in entry.shape]
    if entry.type not in _NUMPY_TYPES:
        raise InputError(f"input {entry.name} is a {entry.type}: choose from {', '.join(_NUMPY_TYPES)}")
    return np.full(shape, value, _NUMPY_TYPES[entry.type])


def _open_shape(shape: list[int | str | None]) -> list[int]:
    """For `reshape`: the last size that the graph leaves open takes all that is left, others are 1."""
    sizes = [size if isinstance(size, int) else 0 for size in shape]
    if 0 in sizes:
        sizes[len(sizes) - 1 - sizes[::-1].index(0)] = -1
    return [size or 1 for size in sizes]
