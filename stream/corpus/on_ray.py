"""Workers on a Ray cluster: an actor for each core, which holds the model. Needs the extra 'ray'.

Actors directly, not Ray Data: of a portion whose actor dies each recording is tried alone, and rows come with
each portion, not with each block. Only names and rows travel; the sound goes from tree to tree.
"""

import os
from collections.abc import Sequence
from typing import Any

from ...core.crew import Done, Event, Lost, Make
from ...core.extras import needs_extra
from ...core.processes import THREAD_VARIABLES
from ...errors import InputError

#: Recordings handed to an actor together at most, so that calls cost the driver little.
MOST_AT_ONCE = 16


class RayCrew:
    """A `Crew` of actors with one core each.

    Args:
        address: of the cluster: ``ray://HOST:10001``, ``HOST:6379``, ``auto``, or ``local`` for one of this
            machine's own.
        size: how many actors; 0: one for each core of the cluster.
        make: importable by name on every node, where this package must be installed.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str, size: int, make: Make) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the computer unasked
        try:
            import ray
        except ImportError as error:
            raise needs_extra("--address", "ray", error) from error
        self._ray = ray
        try:
            own = {"include_dashboard": False} if address == "local" else {}
            ray.init(address, log_to_driver=False, logging_level="ERROR", **own)
        except Exception as error:  # each way to fail has its own, down to Exception itself
            raise InputError(f"--address {address}: no Ray cluster is there ({error})") from error
        cores = int(ray.cluster_resources().get("CPU", 0))
        self.size = size or max(cores, 1)
        self._make = make
        self._actors: dict[int, Any] = {}
        self._awaited: dict[Any, int] = {}

    def start(self, worker: int) -> None:
        threads = {"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")}
        actor = self._ray.remote(num_cpus=1, runtime_env=threads)(_Actor).remote(self._make)
        self._actors[worker] = actor
        self._awaited[actor.ready.remote()] = worker

    def give(self, worker: int, jobs: Sequence[Any]) -> None:
        self._awaited[self._actors[worker].work.remote(list(jobs))] = worker

    def events(self, timeout_s: float) -> list[Event]:
        ready, _ = self._ray.wait(list(self._awaited), num_returns=1, timeout=timeout_s)
        if ready:  # and whatever else is there already: one call for many
            ready, _ = self._ray.wait(list(self._awaited), num_returns=len(self._awaited), timeout=0)
        return [self._news(reference) for reference in ready]

    def close(self) -> None:
        if not self._ray.is_initialized():  # closed before: to kill would start a Ray
            return
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._ray.shutdown()

    def _news(self, reference: Any) -> Event:
        worker = self._awaited.pop(reference)
        try:
            return Event(worker, Done(self._ray.get(reference)))
        except self._ray.exceptions.RayActorError as error:
            return Event(worker, Lost(str(error).split("\n")[0].strip()))
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error


class _Actor:
    """Makes its worker when asked to be ready, so that what fails then is told as it is."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def ready(self) -> list[Any]:
        self._do = self._make()
        return []

    def work(self, jobs: list[Any]) -> list[Any]:
        return [self._do(job) for job in jobs]
