"""Processes that share a run, as ``torchrun`` starts them; or one process alone."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ...errors import InputError


@dataclass(frozen=True)
class Group:
    """The processes of a run, as one of them sees them.

    Attributes:
        device: what this process computes on.
        rank, size: its number from 0, and how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates, logs and writes."""
        return self.rank == 0

    def share(self, module: nn.Module, all_used: bool) -> nn.Module:
        """The module, whose gradients are from now on the means over all processes.

        Args:
            module: on the device.
            all_used: whether each of its outputs depends on all of its parameters.
        """
        if self.size == 1:
            return module
        return DistributedDataParallel(module, find_unused_parameters=not all_used)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes, the same in each of them."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values / self.size

    def any(self, flag: bool) -> bool:
        """Whether any of the processes says so."""
        return bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)

    @contextlib.contextmanager
    def leader_first(self) -> Iterator[None]:
        """The first process does this alone, then the others do: it fills what they find."""
        if not self.leads:
            self._wait()
        try:
            yield
        finally:
            if self.leads:
                self._wait()

    def _wait(self) -> None:
        if self.size > 1:
            dist.barrier()


@contextlib.contextmanager
def joined(device: str) -> Iterator[Group]:
    """The group that this process belongs to, by what ``torchrun`` put into the environment.

    Args:
        device: ``cpu``, or ``cuda``, of which each process takes one.

    Raises:
        InputError: there is no such device.
    """
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    place = torch_device(device, int(os.environ.get("LOCAL_RANK", 0)))
    if size == 1:
        yield Group(place)
        return
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Group(place, rank, size)
    finally:
        dist.destroy_process_group()


def torch_device(name: str, number: int = 0) -> torch.device:
    """The device ``cpu``, or the one of this number of ``cuda``.

    Raises:
        InputError: there is no such device here.
    """
    if name != "cuda":
        return torch.device(name)
    if number >= torch.cuda.device_count():
        raise InputError(
            f"no CUDA device {number} here (torch sees {torch.cuda.device_count()}): train with --device cpu"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
