"""The compiled step on the CPU (`kernels.cpu.step`), one stream or many; crops go through ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import Bool, Float32, UInt8
from ...errors import InputError
from ...kernels.build import BuildError, find
from ...kernels.cpu.step import StepPool
from ...models.config import ModelConfig
from ...models.store.registry import ModelName, StreamSpec, find_model, graph_files, require_file
from ...models.store.step.sizes import step_sizes
from ...models.store.step.weights import step_weights
from ...models.store.tensor_file import read_tensors
from .base import check_sees

if TYPE_CHECKING:
    from .onnx_graph import LipsEncoder


class NativePool:
    """A `PoolRuntime` of a model with the band or the separable codec and Mamba-2 throughout.

    Each stream gets, to the bit, what it would get alone: the streams are stepped in groups, which share the
    reading of the weights.

    Args:
        config: of the model.
        tensors: its weights, by name.
        streams: how many.
        threads: that share the streams of a call.
        lips: its graph of a lip crop, where it sees crops; None for the one shipped with the preset.

    Raises:
        InputError: another kind of model, weights that do not fit, or no C++ compiler to build the step.
    """

    def __init__(
        self,
        config: ModelConfig,
        tensors: Mapping[str, Float32],
        streams: int,
        threads: int = 1,
        lips: Path | None = None,
    ) -> None:
        self.spec = StreamSpec.of(config)
        self.streams = streams
        self._steps = _built(config, tensors, streams, threads)
        self._lips = _lips_encoder(config, lips)

    @classmethod
    def of_preset(cls, model: ModelName, streams: int, threads: int = 1) -> "NativePool":
        """The weights of a model, see `find_model`.

        Raises:
            InputError: no such model, none that this runtime serves, or no weights are there.
        """
        config, tensors, lips = _stored(model)
        return cls(config, tensors, streams, threads, lips)

    @property
    def state_bytes(self) -> int:
        return self._steps.state_bytes + (0 if self._lips is None else self._lips.state_bytes)

    def reset(self, stream: int) -> None:
        self._steps.reset(stream)
        if self._lips is not None:
            self._lips.reset(stream)

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        return self._steps.hops(hops, embeddings, video_ages_s, dry, np.flatnonzero(active))

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        assert self._lips is not None
        return self._lips.encode(crop, stream)

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._steps.see(stream, landmarks, age_s)


class NativeRuntime:
    """A `Runtime` of a model with the band or the separable codec and Mamba-2 throughout.

    Args:
        config: of the model.
        tensors: its weights, by name.
        lips: its graph of a lip crop, where it sees crops; None for the one shipped with the preset.

    Raises:
        InputError: another kind of model, weights that do not fit, or no C++ compiler to build the step.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, Float32], lips: Path | None = None) -> None:
        self.spec = StreamSpec.of(config)
        self._step = _built(config, tensors)
        self._lips = _lips_encoder(config, lips)

    @classmethod
    def of_preset(cls, model: ModelName) -> "NativeRuntime":
        """The weights of a model, see `find_model`.

        Raises:
            InputError: no such model, none that this runtime serves, or no weights are there.
        """
        return cls(*_stored(model))

    @classmethod
    def library_of(cls, model: ModelName) -> Path | None:
        """The compiled step of a model, where `of_preset` needs no compiler for it."""
        try:
            return find(step_sizes(find_model(model).config).code())
        except InputError:
            return None

    @classmethod
    def serves(cls, model: ModelName) -> bool:
        """Whether the step can be compiled for a model."""
        try:
            step_sizes(find_model(model).config)
        except InputError:
            return False
        return True

    @property
    def state_bytes(self) -> int:
        return self._step.state_bytes + (0 if self._lips is None else self._lips.state_bytes)

    def reset(self) -> None:
        self._step.reset(0)
        if self._lips is not None:
            self._lips.reset()

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        return self._step.hop(hop, embedding, video_age_s, dry)

    def encode_lips(self, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        assert self._lips is not None
        return self._lips.encode(crop)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._step.see(0, landmarks, age_s)


def _stored(model: ModelName) -> tuple[ModelConfig, dict[str, Float32], Path]:
    """The configuration of a model, its weights, and the graph of its lips."""
    found = find_model(model)
    step_sizes(found.config)  # refuses before anything large is read
    return found.config, read_tensors(require_file(found.weights, model)), found.graphs[1]


def _built(
    config: ModelConfig, tensors: Mapping[str, Float32], streams: int = 1, threads: int = 1
) -> StepPool:
    try:
        return StepPool(step_sizes(config), step_weights(config, tensors), streams, threads)
    except BuildError as error:
        raise InputError(
            f"runtime 'native' cannot be built here ({error}): install g++ or clang++, or use 'onnx'"
        ) from error


def _lips_encoder(config: ModelConfig, graph: Path | None = None) -> "LipsEncoder | None":
    """That of crops; landmarks are seen by the step itself, and ONNX Runtime is not even loaded."""
    if config.gate is not None:
        return None
    from .onnx_graph import LipsEncoder

    return LipsEncoder(graph or graph_files(config.name)[1], config.name)
