"""Hops of a whole streaming model as one compiled CPU function (``kernels/cpu/infer/step.cpp``). Torch-free.

The sizes of the model are compiled in, so that every loop has a known length: one library for each shape.
"""

import ctypes
import functools
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from .. import build
from .sizes import StepSizes

Float32 = npt.NDArray[np.float32]


@functools.cache
def _library(sizes: StepSizes) -> ctypes.CDLL:
    library = build.library(sizes.code())
    address, whole = ctypes.c_void_p, ctypes.c_int
    library.pool_create.restype = library.step_create.restype = address
    library.pool_create.argtypes = [address, ctypes.c_long, whole]
    library.step_create.argtypes = library.step_destroy.argtypes = library.pool_destroy.argtypes = [address]
    library.pool_reset.argtypes = [address, whole]
    library.step_hops.argtypes = [address, address, address, whole, *[address] * 6]
    for function in (library.pool_destroy, library.pool_reset, library.step_destroy, library.step_hops):
        function.restype = None
    library.pool_state_bytes.restype = ctypes.c_long
    if sizes.sight is not None:
        library.pool_see.argtypes = [address, whole, whole, address, ctypes.c_float, address]
        library.pool_see.restype = None
    return library


class StepPool:
    """Streams of one model: its weights, their states, and `hops`. Not thread-safe.

    Args:
        sizes: of the model.
        weights: float32, in the order of the readers in ``kernels/cpu/infer``.
        streams: how many, at least 1.
        threads: that share the streams of a call, at least 1.

    Raises:
        kernels.build.BuildError: the step cannot be compiled here.
        ValueError: the weights are not those of such a model.
        MemoryError: there is no memory.
    """

    def __init__(
        self, sizes: StepSizes, weights: Sequence[Float32], streams: int = 1, threads: int = 1
    ) -> None:
        self._library = _library(sizes)
        packed = np.concatenate([np.ravel(array) for array in weights]).astype(np.float32)
        pool = self._library.pool_create(packed.ctypes.data, packed.size, streams)
        if pool is None:
            raise ValueError(f"{packed.size} weights are not what the sizes of the model ask for")
        self._pool = self._kept(pool, self._library.pool_destroy)
        self._steps = [
            self._kept(self._library.step_create(self._pool), self._library.step_destroy)
            for _ in range(threads)
        ]
        self._threads = ThreadPoolExecutor(threads) if threads > 1 else None
        self.state_bytes = int(self._library.pool_state_bytes())
        self._unseen: set[int] = set()  # streams that begin with their next landmarks
        self._listed = np.zeros(streams, np.int32)
        shapes = [(streams, sizes.hop), (streams, sizes.embedding), streams, streams]
        self._inputs = [np.zeros(shape, np.float32) for shape in shapes]
        self._out, self._alphas = np.zeros((streams, sizes.hop), np.float32), np.zeros(streams, np.float32)
        arrays = (*self._inputs, self._out, self._alphas)
        self._arrays = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        self._starts = [ctypes.c_void_p(self._listed[k:].ctypes.data) for k in range(streams + 1)]

    def _kept(self, address: int | None, destroy: Callable[[ctypes.c_void_p], None]) -> ctypes.c_void_p:
        """The address, to be freed with this object."""
        if address is None:
            raise MemoryError
        pointer = ctypes.c_void_p(address)
        weakref.finalize(self, destroy, pointer)
        return pointer

    def reset(self, stream: int) -> None:
        """Back to the start of one stream."""
        self._library.pool_reset(self._pool, stream)
        self._unseen.add(stream)

    def hop(self, hop: Float32, embedding: Float32, video_age_s: float, dry: float) -> tuple[Float32, float]:
        """`hops` of the first stream alone, without what only many need: ``[hop]`` and alpha."""
        hops, embeddings, ages_s, shares = self._inputs
        hops[0], embeddings[0], ages_s[0], shares[0] = hop, embedding, video_age_s, dry
        self._listed[0] = 0
        self._run(0, 0, 1)
        return self._out[0].copy(), float(self._alphas[0])

    def hops(
        self,
        hops: Float32,
        embeddings: Float32,
        video_ages_s: Float32,
        dry: Float32,
        streams: npt.NDArray[np.integer],
    ) -> tuple[Float32, Float32]:
        """One hop of some streams.

        Args:
            hops, embeddings, video_ages_s, dry: of all streams ``[n, hop], [n, embedding]``, seconds ``[n]``,
                share of the noisy signal ``[n]``.
            streams: numbers of those to step, ``[k]``, each once.

        Returns:
            ``[n, hop]`` and alphas ``[n]``, zeros for the others.
        """
        for array, given in zip(self._inputs, (hops, embeddings, video_ages_s, dry), strict=True):
            array[:] = given
        self._out.fill(0)
        self._alphas.fill(0)
        count = len(streams)
        self._listed[:count] = streams
        if self._threads is None:
            self._run(0, 0, count)
        else:
            bounds = [count * thread // len(self._steps) for thread in range(len(self._steps) + 1)]
            list(self._threads.map(self._run, range(len(self._steps)), bounds, bounds[1:]))
        return self._out.copy(), self._alphas.copy()

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        """One tick of encoder C, in a model that has it: ``[44, 3]`` and seconds to a cue ``[embedding]``.

        Another thread than that of hops and resets may call it.
        """
        points = np.ascontiguousarray(landmarks, np.float32)
        cue = np.empty(self._inputs[1].shape[1], np.float32)
        first = stream in self._unseen
        self._unseen.discard(stream)
        self._library.pool_see(self._pool, stream, first, points.ctypes.data, age_s, cue.ctypes.data)
        return cue

    def _run(self, thread: int, start: int, stop: int) -> None:
        self._library.step_hops(
            self._steps[thread], self._pool, self._starts[start], stop - start, *self._arrays
        )
