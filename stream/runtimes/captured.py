"""Streams on fixed tensors: what a CUDA graph replays, and the same on a CPU, where it can be looked at.

A captured graph knows addresses, not values, and does the same work each time. So what comes in and goes out
is copied to and from tensors that stay where they are, states change in place, and nothing branches: not on
the video of a stream (its age makes alpha exactly 0), not on which streams are active (a mask decides whose
state is kept). Where the model has a voice gate, whether any video counts chooses between two calls.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.arrays import Bool, Float32, UInt8
from ...models.lips.points import POINTS
from ...models.lite_avse import LiteAVSEMamba
from ...models.state import State, flatten_state, state_bytes, unflatten_state
from ...models.store.registry import StreamSpec
from ...models.wave import WaveModel
from .base import any_lips, check_sees


class Capture(Protocol):
    """Makes work on fixed tensors of a device cheap to repeat."""

    @property
    def device(self) -> torch.device: ...

    def host_tensor(self, like: Tensor) -> Tensor:
        """A CPU tensor of such a shape and type that is quickly copied from and to the device."""
        ...

    def record(self, work: Callable[[], object]) -> Callable[[], object]:
        """What repeats the work. May do the work a few times first."""
        ...

    def running(self) -> AbstractContextManager[object]:
        """Inside, work is queued in order; on leaving, it is done."""
        ...


class UncapturedWork:
    """The CPU twin of a CUDA graph: does the work itself each time."""

    device = torch.device("cpu")

    def host_tensor(self, like: Tensor) -> Tensor:
        return torch.zeros_like(like)

    def record(self, work: Callable[[], object]) -> Callable[[], object]:
        return work

    def running(self) -> AbstractContextManager[object]:
        return nullcontext()


class FixedCall:
    """A function of tensors, called on the same ones each time.

    Write to `inputs`, NumPy arrays, then `run`.

    Args:
        capture: repeats the call.
        function: of tensors on the capture's device, to one tensor there.
        inputs: CPU tensors of the shapes and types, and with the values of calls made for warming up.
        result: a tensor of the shape and type of the function's result.
    """

    def __init__(
        self, capture: Capture, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], result: Tensor
    ) -> None:
        self._capture = capture
        self._sources = [capture.host_tensor(each).copy_(each) for each in inputs]
        self._arguments = [each.to(capture.device, copy=True) for each in inputs]
        self._result = torch.empty_like(result, device=capture.device)
        self._fetched = capture.host_tensor(result)
        with torch.inference_mode():
            self._replay = capture.record(lambda: self._result.copy_(function(*self._arguments)))
        self.inputs = [source.numpy() for source in self._sources]

    @torch.inference_mode()
    def run(self) -> npt.NDArray[Any]:
        """The result for what lies in `inputs`; the next run writes over it."""
        with self._capture.running():
            for argument, source in zip(self._arguments, self._sources, strict=True):
                argument.copy_(source, non_blocking=True)
            self._replay()
            self._fetched.copy_(self._result, non_blocking=True)
        return self._fetched.numpy()


class CapturedPool:
    """A `PoolRuntime`: one recorded call steps all streams, another embeds a lip crop of one.

    Args:
        net: a causal model in eval mode; it is moved to the capture's device.
        capture: how calls are repeated.
        streams: how many, at least 1.
    """

    def __init__(self, net: LiteAVSEMamba, capture: Capture, streams: int) -> None:
        self.spec = spec = StreamSpec.of(net.config)
        self.streams = streams
        self._capture = capture
        self._model = WaveModel(net).eval().to(capture.device)
        self._state = self._model.init_state(streams, capture.device)
        self._lips_state = net.visual.init_state(streams, capture.device)
        self._lips_begin: set[int] = set()  # with the next crop, which another thread may bring
        # One row a stream: hop, embedding, age of the video, dry, active -> hop, alpha. One copy each way.
        rows = torch.zeros(streams, spec.hop_samples + spec.embedding_size + 3)
        result = torch.zeros(streams, spec.hop_samples + 1)
        self._hops = FixedCall(capture, self._step, (rows,), result)
        self._audio_hops = self._hops
        if spec.lips == "landmarks":
            self._audio_hops = FixedCall(capture, self._step_audio, (rows,), result)
        stream = torch.zeros(1, dtype=torch.int64)
        size = spec.lips_size
        seen = (
            (torch.zeros(1, size, size, 3, dtype=torch.uint8),)
            if spec.lips == "crops"
            else (torch.zeros(1, len(POINTS), 3), torch.zeros(1))
        )
        encoded = torch.zeros(1, spec.embedding_size)
        self._lips = FixedCall(capture, self._embed, (stream, *seen), encoded)
        for k in range(streams):  # recording may have stepped them
            self.reset(k)

    @property
    def state_bytes(self) -> int:
        return (state_bytes(self._state) + state_bytes(self._lips_state)) // self.streams

    def reset(self, stream: int) -> None:
        self._zero(self._state, stream)
        self._lips_begin.add(stream)

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        lips = any_lips(video_ages_s[active])
        call, size = self._hops if lips else self._audio_hops, self.spec.hop_samples
        (rows,) = call.inputs
        rows[:, :size] = hops
        rows[:, size:-3] = embeddings
        rows[:, -3], rows[:, -2], rows[:, -1] = video_ages_s, dry, active
        result = call.run()
        return result[:, :size].copy(), result[:, size].copy()

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        check_sees(self.spec, "crops")
        return self._encode(stream, crop)

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        check_sees(self.spec, "landmarks")
        return self._encode(stream, landmarks, age_s)

    def _encode(self, stream: int, *seen: npt.ArrayLike) -> Float32:
        if stream in self._lips_begin:
            self._lips_begin.remove(stream)
            self._zero(self._lips_state, stream)
        for source, value in zip(self._lips.inputs, (stream, *seen), strict=True):
            source[0] = value
        encoded: Float32 = self._lips.run()[0].copy()
        return encoded

    @torch.inference_mode()
    def _zero(self, state: State, stream: int) -> None:
        """The state with which a stream begins."""
        with self._capture.running():
            for tensor in flatten_state(state):
                self._rows(tensor)[stream].zero_()

    def _rows(self, tensor: Tensor) -> Tensor:
        """A state as one row a stream: what counts streams and positions comes first in each."""
        return tensor.view(self.streams, -1)

    def _step(self, rows: Tensor) -> Tensor:
        sizes = [self.spec.hop_samples, self.spec.embedding_size, 1, 1, 1]
        hop, embedding, age_s, dry, active = rows.split(sizes, dim=1)
        return self._keep(active == 0, self._model.step(hop, embedding, age_s[:, 0], dry[:, 0], self._state))

    def _step_audio(self, rows: Tensor) -> Tensor:
        hop, dry, active = rows[:, : self.spec.hop_samples], rows[:, -2], rows[:, -1:]
        return self._keep(active == 0, self._model.step(hop, None, None, dry, self._state))

    def _keep(self, idle: Tensor, stepped: tuple[Tensor, Tensor, State]) -> Tensor:
        """Carry on with the state, but for idle streams, and lay hop and alpha side by side."""
        out, alpha, after = stepped
        for kept, new in zip(flatten_state(self._state), flatten_state(after), strict=True):
            torch.where(idle, self._rows(kept), new.reshape(self.streams, -1), out=self._rows(kept))
        return torch.cat([out, alpha[:, None]], dim=1).masked_fill(idle, 0.0)

    def _embed(self, stream: Tensor, *seen: Tensor) -> Tensor:
        if self.spec.lips == "crops":
            seen = (seen[0].permute(0, 3, 1, 2).float() / 255.0,)
        states = flatten_state(self._lips_state)
        before: State = unflatten_state(self._lips_state, [each.index_select(0, stream) for each in states])
        embedding: Tensor
        embedding, after = self._model.net.visual.step(*seen, before)
        for kept, new in zip(states, flatten_state(after), strict=True):
            kept.index_copy_(0, stream, new)
        return embedding


class CapturedRuntime:
    """A `Runtime`: a `CapturedPool` of one stream."""

    def __init__(self, net: LiteAVSEMamba, capture: Capture) -> None:
        self._pool = CapturedPool(net, capture, streams=1)
        self.spec = self._pool.spec
        self._active = np.ones(1, np.bool_)

    @property
    def state_bytes(self) -> int:
        return self._pool.state_bytes

    def reset(self) -> None:
        self._pool.reset(0)

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        age_s, dry_share = np.array([[video_age_s], [dry]], np.float32)
        out, alpha = self._pool.process_hops(hop[None], embedding[None], age_s, dry_share, self._active)
        return out[0], float(alpha[0])

    def encode_lips(self, crop: UInt8) -> Float32:
        return self._pool.encode_lips(0, crop)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        return self._pool.see(0, landmarks, age_s)
