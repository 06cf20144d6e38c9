"""Torch, eagerly: the reference that the other runtimes are held against; one stream, or many in a batch."""

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import Bool, Float32, UInt8
from ...models.lite_avse import LiteAVSEMamba
from ...models.state import State, flatten_state, state_bytes, unflatten_state
from ...models.store.checkpoint import load_model
from ...models.store.registry import ModelName, StreamSpec
from ...models.wave import WaveModel
from .base import any_lips, check_sees


class EagerRuntime:
    """A `Runtime` that owns the state of one stream of a torch model.

    Args:
        net: a causal model in eval mode.
    """

    def __init__(self, net: LiteAVSEMamba) -> None:
        self.spec = StreamSpec.of(net.config)
        self._model = WaveModel(net).eval()
        self._lips_state = net.visual.init_state(1)
        self.reset()

    @classmethod
    def of_preset(cls, model: ModelName) -> "EagerRuntime":
        """The weights of a model, see `find_model`.

        Raises:
            InputError: no such model, or no weights are there.
        """
        return cls(load_model(model))

    @property
    def state_bytes(self) -> int:
        return state_bytes(self._state) + state_bytes(self._lips_state)

    def reset(self) -> None:
        self._state = self._model.init_state(1)
        self._lips_begin = True  # with the next crop, which another thread may bring

    @torch.inference_mode()
    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        seen: tuple[Tensor | None, Tensor | None] = (None, None)
        if self.spec.lips == "crops" or any_lips(video_age_s):
            seen = torch.from_numpy(embedding)[None], torch.tensor([video_age_s], dtype=torch.float32)
        out, alpha, self._state = self._model.step(
            torch.from_numpy(hop)[None], *seen, torch.tensor([dry], dtype=torch.float32), self._state
        )
        return out[0].numpy(), float(alpha[0])

    @torch.inference_mode()
    def encode_lips(self, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        return self._encoded(_image(crop))

    @torch.inference_mode()
    def see(self, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._encoded(*_tick(landmarks, age_s))

    def _encoded(self, *seen: Tensor) -> Float32:
        """A step of the visual encoder, float32 ``[E]``."""
        if self._lips_begin:
            self._lips_begin = False
            self._lips_state = self._model.net.visual.init_state(1)
        embedding, self._lips_state = self._model.net.visual.step(*seen, self._lips_state)
        result: Float32 = embedding[0].numpy()
        return result


class EagerPool:
    """A `PoolRuntime` that owns the states of the streams; the hops of all active ones are one batch.

    Args:
        net: a causal model in eval mode.
        streams: how many.
    """

    def __init__(self, net: LiteAVSEMamba, streams: int) -> None:
        self.spec = StreamSpec.of(net.config)
        self.streams = streams
        self._model = WaveModel(net).eval()
        self._like: State = self._model.init_state(1)
        # Of all streams, [n, k, ...], where one stream's state is [k, ...].
        self._states = [
            state.repeat(streams, *(1 for _ in state.shape)) for state in flatten_state(self._like)
        ]
        self._lips_states = [net.visual.init_state(1) for _ in range(streams)]
        self._lips_begin: set[int] = set()  # as in `EagerRuntime`

    @classmethod
    def of_preset(cls, model: ModelName, streams: int) -> "EagerPool":
        """The weights of a model, see `find_model`.

        Raises:
            InputError: no such model, or no weights are there.
        """
        return cls(load_model(model), streams)

    @property
    def state_bytes(self) -> int:
        return state_bytes(self._like) + state_bytes(self._lips_states[0])

    def reset(self, stream: int) -> None:
        for state in self._states:
            state[stream] = 0.0
        self._lips_begin.add(stream)

    @torch.inference_mode()
    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        out, alphas = np.zeros_like(hops), np.zeros_like(dry)
        if active.any():
            rows = torch.from_numpy(np.flatnonzero(active))
            hop, embedding, age_s, share = (
                torch.from_numpy(array)[rows] for array in (hops, embeddings, video_ages_s, dry)
            )
            before = unflatten_state(self._like, [state[rows].flatten(0, 1) for state in self._states])
            lips = self.spec.lips == "crops" or any_lips(video_ages_s[active])
            seen: tuple[Tensor | None, Tensor | None] = (embedding, age_s) if lips else (None, None)
            wave, alpha, after = self._model.step(hop, *seen, share, before)
            for state, new in zip(self._states, flatten_state(after), strict=True):
                state[rows] = new.unflatten(0, (len(rows), -1))
            out[active], alphas[active] = wave.numpy(), alpha.numpy()
        return out, alphas

    @torch.inference_mode()
    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        return self._encoded(stream, _image(crop))

    @torch.inference_mode()
    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._encoded(stream, *_tick(landmarks, age_s))

    def _encoded(self, stream: int, *seen: Tensor) -> Float32:
        """A step of one stream's visual encoder, float32 ``[E]``."""
        if stream in self._lips_begin:
            self._lips_begin.remove(stream)
            self._lips_states[stream] = self._model.net.visual.init_state(1)
        embedding, self._lips_states[stream] = self._model.net.visual.step(*seen, self._lips_states[stream])
        result: Float32 = embedding[0].numpy()
        return result


def _image(crop: UInt8) -> Tensor:
    """As the visual encoder wants it, ``[1, 3, S, S]``."""
    return torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None].float() / 255.0


def _tick(landmarks: Float32, age_s: float) -> tuple[Tensor, Tensor]:
    """As encoder C wants them, ``[1, 44, 3]`` and ``[1]``."""
    return torch.from_numpy(landmarks)[None], torch.tensor([age_s], dtype=torch.float32)
