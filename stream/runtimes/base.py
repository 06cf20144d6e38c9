"""What every runtime of a streaming model offers: hop in, hop out, state kept inside."""

from typing import Protocol

from ...core.arrays import Bool, Float32, UInt8
from ...models.store.registry import NO_VIDEO_AGE_S, StreamSpec

__all__ = ["NO_VIDEO_AGE_S", "PoolRuntime", "Runtime", "StreamSpec"]


class Runtime(Protocol):
    """One stream of one model; make one runtime for each stream.

    `process_hop` and `reset` are for one thread and `encode_lips` for one, which may be another: a camera's
    thread encodes while audio is enhanced. What is encoded when `reset` is called belongs to the old stream.
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
            embedding: float32 ``[embedding_size]`` of the newest video frame (zeros where there is none).
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
