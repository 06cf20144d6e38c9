"""Torch, eagerly: the reference that the other runtimes are held against."""

import numpy as np
import torch

from ...models.checkpoint import load_model
from ...models.lite_avse import LiteAVSEMamba
from ...models.spec import StreamSpec
from ...models.state import state_bytes
from ...models.wave import WaveModel
from .base import Float32, UInt8


class EagerRuntime:
    """A `Runtime` that owns the state of one stream of a torch model.

    Args:
        net: a causal model in eval mode.
    """

    def __init__(self, net: LiteAVSEMamba) -> None:
        self.spec = StreamSpec.of(net.config)
        self._model = WaveModel(net).eval()
        self.reset()

    @classmethod
    def of_preset(cls, model: str) -> "EagerRuntime":
        """The shipped weights of a preset.

        Raises:
            InputError: no such preset, or no weights ship with it.
        """
        return cls(load_model(model))

    @property
    def state_bytes(self) -> int:
        return state_bytes(self._state) + state_bytes(self._lips_state)

    def reset(self) -> None:
        self._state = self._model.init_state(1)
        self._lips_state = self._model.net.visual.init_state(1)

    @torch.inference_mode()
    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        out, alpha, self._state = self._model.step(
            torch.from_numpy(hop)[None],
            torch.from_numpy(embedding)[None],
            torch.tensor([video_age_s], dtype=torch.float32),
            torch.tensor([dry], dtype=torch.float32),
            self._state,
        )
        return out[0].numpy(), float(alpha[0])

    @torch.inference_mode()
    def encode_lips(self, crop: UInt8) -> Float32:
        image = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None].float() / 255.0
        embedding, self._lips_state = self._model.net.visual.step(image, self._lips_state)
        result: Float32 = embedding[0].numpy()
        return result
