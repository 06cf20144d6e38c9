"""Torch on an NVIDIA GPU, each hop one captured CUDA graph: hundreds of kernels are launched as one."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ...errors import InputError
from ...models.lite_avse import LiteAVSEMamba
from ...models.store.checkpoint import load_model
from ...models.store.registry import ModelName
from .captured import CapturedPool, CapturedRuntime

#: Calls before capture: kernels are compiled, libraries choose their algorithms and take their memory.
WARM_UP = 3


class CudaGraphCapture:
    """A `Capture` on the current GPU. What it records must not wait for the GPU, nor read from it.

    Raises:
        InputError: torch finds no GPU.
    """

    def __init__(self) -> None:
        if not torch.cuda.is_available():
            raise InputError(
                f"runtime 'cuda-graph' needs an NVIDIA GPU, and torch {torch.__version__} finds none: "
                "use 'native' or 'onnx'"
            )
        self.device = torch.device("cuda", torch.cuda.current_device())
        self._stream = torch.cuda.Stream(self.device)

    def host_tensor(self, like: Tensor) -> Tensor:
        return torch.zeros(like.shape, dtype=like.dtype, pin_memory=True)

    def record(self, work: Callable[[], object]) -> Callable[[], object]:
        """What replays the work; where it cannot be captured, the work itself, and a warning says why."""
        graph = torch.cuda.CUDAGraph()
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        try:
            # In full precision, as the other runtimes: cuDNN rounds products to TF32 unless told otherwise.
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                with self.running():
                    for _ in range(WARM_UP):
                        work()
                with torch.cuda.graph(graph, stream=self._stream):
                    work()
        except RuntimeError as error:
            warnings.warn(
                f"runtime 'cuda-graph' cannot capture a hop on {torch.cuda.get_device_name(self.device)} "
                f"({str(error).splitlines()[0]}): its kernels are launched one by one, which is slower",
                stacklevel=2,
            )
            return work
        return graph.replay

    @contextmanager
    def running(self) -> Iterator[None]:
        with torch.cuda.stream(self._stream):
            yield
        self._stream.synchronize()


class CudaGraphRuntime(CapturedRuntime):
    """A `Runtime` on a GPU.

    Args:
        net: a causal model in eval mode; it is moved to the GPU.

    Raises:
        InputError: there is no GPU.
    """

    def __init__(self, net: LiteAVSEMamba) -> None:
        super().__init__(net, CudaGraphCapture())

    @classmethod
    def of_preset(cls, model: ModelName) -> "CudaGraphRuntime":
        """The weights of a model, see `find_model`.

        Raises:
            InputError: no such model, no weights are there, or there is no GPU.
        """
        return cls(load_model(model))


class CudaGraphPool(CapturedPool):
    """A `PoolRuntime` on a GPU.

    Args:
        net: a causal model in eval mode; it is moved to the GPU.
        streams: how many, at least 1.

    Raises:
        InputError: there is no GPU.
    """

    def __init__(self, net: LiteAVSEMamba, streams: int) -> None:
        super().__init__(net, CudaGraphCapture(), streams)

    @classmethod
    def of_preset(cls, model: ModelName, streams: int) -> "CudaGraphPool":
        """The weights of a model; see `CudaGraphRuntime.of_preset` for what it raises."""
        return cls(load_model(model), streams)
