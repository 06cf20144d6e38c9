"""What every runtime of a streaming model offers: hop in, hop out, state kept inside."""

from typing import Protocol

import numpy as np

from ...core.arrays import Bool, Float32, UInt8
from ...errors import InputError
from ...models.config import GONE_AGE_S
from ...models.store.registry import NO_VIDEO_AGE_S, LipsKind, StreamSpec

__all__ = ["NO_VIDEO_AGE_S", "LipsKind", "PoolRuntime", "Runtime", "StreamSpec", "any_lips", "check_sees"]


class Runtime(Protocol):
    """One stream of one model; make one runtime for each stream.

    `process_hop` and `reset` are for one thread and `encode_lips` or `see` for one, which may be another: a
    camera's thread encodes while audio is enhanced. What is encoded when `reset` is called belongs to the old
    stream.

    Where the model sees landmarks, a hop whose lips are gone (`GONE_AGE_S`) is one of audio alone, at its
    cost, and leaves nothing of the lips before it behind; any other is the same and a voice gate.
    """

    @property
    def spec(self) -> StreamSpec: ...

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream (audio and video)."""
        ...

    def reset(self) -> None:
        """Forget everything: the next hop is the first of a new stream."""
        ...

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        """Enhance one hop.

        Args:
            hop: float32 ``[hop_samples]``, finite.
            embedding: float32 ``[embedding_size]`` of the newest video frame, or the newest cue (zeros where
                there is none).
            video_age_s: seconds since that frame was captured; `NO_VIDEO_AGE_S` where there is none.
            dry: share of the noisy signal in the output, 0 (enhanced) to 1 (bypass).

        Returns:
            The output hop, float32 ``[hop_samples]``, which lags the input by ``window - hop`` samples, and
            alpha, the confidence in the video in [0, 1].
        """
        ...

    def encode_lips(self, crop: UInt8) -> Float32:
        """Embed one lip crop, uint8 ``[96, 96, 3]`` RGB, to float32 ``[embedding_size]``.

        Carries temporal state: call it once for each video frame, in order.

        Raises:
            InputError: the model sees landmarks.
        """
        ...

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        """One tick of encoder C: landmarks to a cue.

        Carries temporal state: call it every 0.04 s of the stream's time, whatever the camera does. The first
        call may load what lips need.

        Args:
            landmarks: float32 ``[44, 3]`` in pixels, depth in the unit of x, the newest there are; see
                `models.lips.points.POINTS`. Zeros: no face yet.
            age_s: seconds since they were captured.

        Returns:
            float32 ``[embedding_size]``.

        Raises:
            InputError: the model sees crops.
        """
        ...


class PoolRuntime(Protocol):
    """n independent streams of one model, stepped together; threads as in `Runtime`."""

    @property
    def spec(self) -> StreamSpec: ...

    @property
    def streams(self) -> int:
        """How many streams there are: n."""
        ...

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream (audio and video)."""
        ...

    def reset(self, stream: int) -> None:
        """Forget everything about one stream, from 0: its next hop is the first of a new stream."""
        ...

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        """Enhance one hop of each active stream; see `Runtime.process_hop`.

        Args:
            hops: float32 ``[n, hop_samples]``, finite.
            embeddings: float32 ``[n, embedding_size]``.
            video_ages_s: float32 ``[n]``.
            dry: float32 ``[n]``.
            active: bool ``[n]``; the others keep their state, and what stands in their rows does not matter.

        Returns:
            The output hops, float32 ``[n, hop_samples]``, and alphas, float32 ``[n]``; zeros for streams that
            are not active.
        """
        ...

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        """Embed the next lip crop of one stream; see `Runtime.encode_lips`."""
        ...

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        """One tick of encoder C for one stream; see `Runtime.see`."""
        ...


def check_sees(spec: StreamSpec, lips: LipsKind) -> None:
    """Let a visual encoder be given what it sees.

    Raises:
        InputError: it sees something else.
    """
    if spec.lips != lips:
        call = "see(landmarks, age_s)" if spec.lips == "landmarks" else "encode_lips(crop)"
        raise InputError(f"model '{spec.name}' sees {spec.lips} of lips, not {lips}: call {call}")


def any_lips(video_ages_s: float | Float32) -> bool:
    """Whether any lips are not gone; in float32, as runtimes get the ages, so that they agree to the bit."""
    return bool(np.any(np.asarray(video_ages_s, np.float32) < np.float32(GONE_AGE_S)))
