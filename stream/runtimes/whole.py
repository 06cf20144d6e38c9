"""A parent as a runtime: it hears windows of seconds and lags by as much. For files, not for live."""

from collections import deque
from pathlib import Path

import numpy as np
import torch

from ...core.arrays import Float32, UInt8
from ...errors import InputError
from ...models.config import CUE_SIZE
from ...models.parents.inference import FADE_S, SAMPLE_RATE, WINDOW_S, enhance_window
from ...models.parents.network import ParentNetwork
from ...models.parents.registry import load_parent
from ...models.parents.windows import Windows
from ...models.store.folder import Description
from ...models.store.registry import require_file
from .base import StreamSpec

#: Samples that the runtime takes at a time.
_HOP = 200


class WholeRuntime:
    """A `Runtime` of a model that hears whole recordings, on the GPU where there is one; see `Windows`.

    Args:
        model: on the CPU, in eval mode.
        name: of it.
        pcs: stretch the perceptual contrast of what comes out.
        window_s, fade_s: as for `enhance_offline`.
    """

    state_bytes = 0

    def __init__(
        self,
        model: ParentNetwork,
        name: str,
        pcs: bool = False,
        window_s: float = WINDOW_S,
        fade_s: float = FADE_S,
    ) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model, self._pcs = model.to(self._device), pcs
        self._windows = Windows(self._enhance, round(window_s * SAMPLE_RATE), round(fade_s * SAMPLE_RATE))
        delay = -(-self._windows.delay // _HOP) * _HOP
        self.spec = StreamSpec(
            name=name,
            sample_rate=SAMPLE_RATE,
            window_samples=delay + _HOP,
            hop_samples=_HOP,
            embedding_size=CUE_SIZE,
            lips_size=0,
            lips="landmarks",
        )
        self._delay_hops = delay // _HOP
        self.reset()

    @classmethod
    def of_folder(cls, found: Description, pcs: bool = False) -> "WholeRuntime":
        """The parent of a model folder.

        Raises:
            InputError: its weights are missing or damaged.
        """
        weights = require_file(found.weights, found.folder)
        return cls(load_parent(found.kind, weights), _name(found.folder), pcs)

    def reset(self) -> None:
        self._windows.reset()
        silence: list[Float32] = [np.zeros(_HOP, np.float32)] * self._delay_hops
        self._noisy, self._enhanced = deque(silence), deque(silence)  # hops
        self._rest: Float32 = np.empty(0, np.float32)  # finished, less than a hop

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        self._noisy.append(hop.copy())
        finished = self._windows.push(torch.from_numpy(hop.copy())[None].to(self._device))
        if finished.numel():
            samples = np.concatenate([self._rest, finished[0].cpu().numpy()])
            whole = len(samples) // _HOP * _HOP
            self._enhanced.extend(samples[:whole].reshape(-1, _HOP))
            self._rest = samples[whole:]
        noisy, enhanced = self._noisy.popleft(), self._enhanced.popleft()
        return enhanced + np.float32(dry) * (noisy - enhanced), 0.0

    def encode_lips(self, crop: UInt8) -> Float32:
        raise self._deaf_to_lips()

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        raise self._deaf_to_lips()

    def _enhance(self, wave: torch.Tensor) -> torch.Tensor:
        return enhance_window(self._model, wave, self._pcs)

    def _deaf_to_lips(self) -> InputError:
        return InputError(f"model '{self.spec.name}' hears only: leave out the video")


def _name(folder: Path) -> str:
    return folder.resolve().name
