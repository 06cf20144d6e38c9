"""The compiled step on one CPU thread (`kernels.cpu_step`); lips still go through ONNX Runtime."""

from collections.abc import Mapping

from ...errors import InputError
from ...kernels.build import BuildError
from ...kernels.cpu_step import Step, is_built
from ...models.config import ModelConfig, preset
from ...models.registry import graph_files, require_shipped, weights_file
from ...models.spec import StreamSpec
from ...models.step_weights import step_sizes, step_weights
from ...models.tensor_file import read_tensors
from .base import Float32, UInt8
from .onnx import LipsEncoder


class NativeRuntime:
    """A `Runtime` of a model with the band codec and Mamba-2 on both axes.

    Args:
        config: of the model.
        tensors: its weights, by name.

    Raises:
        InputError: another kind of model, weights that do not fit, or no C++ compiler to build the step.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, Float32]) -> None:
        self.spec = StreamSpec.of(config)
        try:
            self._step = Step(step_sizes(config), step_weights(config, tensors))
        except BuildError as error:
            raise InputError(
                f"runtime 'native' cannot be built here ({error}): install g++ or clang++, or use 'onnx'"
            ) from error
        self._lips = LipsEncoder(graph_files(config.name)[1], config.name)

    @classmethod
    def of_preset(cls, model: str) -> "NativeRuntime":
        """The shipped weights of a preset.

        Raises:
            InputError: no such preset, none that this runtime serves, or no weights ship with it.
        """
        config = preset(model)
        return cls(config, read_tensors(require_shipped(weights_file(model), model)))

    @classmethod
    def is_built(cls, model: str) -> bool:
        """Whether `of_preset` comes at once, without a compiler."""
        try:
            return is_built(step_sizes(preset(model)))
        except InputError:
            return False

    @property
    def state_bytes(self) -> int:
        return self._step.state_bytes + self._lips.state_bytes

    def reset(self) -> None:
        self._step.reset()
        self._lips.reset()

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        return self._step.hop(hop, embedding, video_age_s, dry)

    def encode_lips(self, crop: UInt8) -> Float32:
        return self._lips.encode(crop)
