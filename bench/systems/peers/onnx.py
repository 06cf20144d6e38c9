"""The description that makes an ONNX graph with carried state a peer: a small TOML file beside the graph.

    name = "GTCRN"
    graph = "gtcrn_simple.onnx"   # relative to this file
    sample_rate = 16000
    hop = 256                     # new samples a call
    window = 512                  # only where the graph takes spectra; leave out where it takes waves
    input = "mix"                 # float32, hop samples, or window/2 + 1 pairs of real and imaginary part
    output = "enh"                # the same

    [states]                      # input = output; a * at the end of both stands for any rest
    conv_cache = "conv_cache_out"

    [constants]                   # inputs that always have the same value
    strength = 1.0

States start at zero. Spectra are of a periodic Hann window's square root, and overlap-added with it again.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from ....errors import InputError
from .process import Float32, in_frames

_REQUIRED = {"name": str, "graph": str, "sample_rate": int, "hop": int, "input": str, "output": str}
_OPTIONAL = {"window": int, "states": dict, "constants": dict}


@dataclass(frozen=True)
class OnnxDescription:
    """What the bench must know of a graph; see the text above for each name.

    Raises:
        InputError: a number that is not positive, or a window shorter than two hops or no multiple of them.
    """

    name: str
    graph: Path
    sample_rate: int
    hop: int
    input: str
    output: str
    window: int | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sample_rate <= 0 or self.hop <= 0:
            raise InputError(f"{self.name}: sample_rate and hop must be positive")
        if self.window is not None and (self.window < 2 * self.hop or self.window % self.hop):
            raise InputError(f"{self.name}: window must be twice the hop of {self.hop} or a larger multiple")

    def state_pairs(self, inputs: list[str]) -> dict[str, str]:
        """Each state input of a graph with the output that carries it on, patterns filled in."""
        pairs: dict[str, str] = {}
        for source, target in self.states.items():
            if source.endswith("*") and target.endswith("*"):
                stem = source[:-1]
                pairs |= {name: target[:-1] + name[len(stem) :] for name in inputs if name.startswith(stem)}
            else:
                pairs[source] = target
        return pairs


def read_description(path: Path) -> OnnxDescription:
    """Read a description.

    Raises:
        InputError: the file cannot be read, is no TOML, lacks a key, has one too many or one of the wrong
            type; or the graph is not there.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the description '{path}': give the path of a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{path}' is no TOML: {error}") from error
    _check_keys(path, table)
    graph = path.parent / table.pop("graph")
    if not graph.is_file():
        raise InputError(f"'{path}' names the graph '{graph}', which is not there")
    return OnnxDescription(graph=graph, **table)


def _check_keys(path: Path, table: dict[str, object]) -> None:
    missing, unknown = _REQUIRED.keys() - table.keys(), table.keys() - _REQUIRED.keys() - _OPTIONAL.keys()
    if missing or unknown:
        wrong = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        wrong += [f"has the unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise InputError(f"'{path}' {' and '.join(wrong)}")
    for key, kind in (_REQUIRED | _OPTIONAL).items():
        if key in table and type(table[key]) is not kind:
            raise InputError(f"'{path}': {key} must be of type {kind.__name__}, not {table[key]!r}")
    for key, kinds in (("states", (str,)), ("constants", (int, float))):
        entries: dict[str, object] = table.get(key, {})  # type: ignore[assignment]
        for name, value in entries.items():
            if type(value) not in kinds:
                raise InputError(f"'{path}': {key}.{name} must be a {kinds[-1].__name__}, not {value!r}")


def open_session(path: str | PathLike[str]) -> onnxruntime.InferenceSession:
    """Load a graph.

    Raises:
        InputError: the file is no graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a family of its own for files that are no graphs
        raise InputError(f"'{path}' is no ONNX graph: {str(error).splitlines()[0]}") from error


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
