"""A pool of pass-through runtimes, for tests of what stands around a pool."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lipstream.core.arrays import Bool, Float32, UInt8

Make = Callable[..., Any]

ROOM = 3


class PassThroughPool:
    """As many pass-through runtimes, stepped one after the other; counts its steps."""

    def __init__(self, make: Make, streams: int = ROOM, **options: Any) -> None:
        self.members = [make(**options) for _ in range(streams)]
        self.spec, self.streams, self.state_bytes = self.members[0].spec, streams, 0
        self.steps = 0

    def reset(self, stream: int) -> None:
        self.members[stream].reset()

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        self.steps += 1
        out, alphas = np.zeros_like(hops), np.zeros_like(dry)
        for k in np.flatnonzero(active):
            out[k], alphas[k] = self.members[k].process_hop(
                hops[k], embeddings[k], float(video_ages_s[k]), float(dry[k])
            )
        return out, alphas

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        embedding: Float32 = self.members[stream].encode_lips(crop)
        return embedding

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        cue: Float32 = self.members[stream].see(landmarks, age_s)
        return cue
