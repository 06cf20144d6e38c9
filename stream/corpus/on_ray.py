"""Workers on a Ray cluster: an actor for each core, which holds the model. Needs the extra 'ray'.

Actors directly, not Ray Data: of a portion whose actor dies each recording is tried alone, and rows come with
each portion, not with each block. Only names and rows travel; the sound goes from tree to tree.
"""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ...core.crew import Done, Event, Lost, Make
from ...core.extras import needs_extra
from ...core.native_stderr import native_stderr_silenced
from ...core.processes import THREAD_VARIABLES, environment
from ...errors import InputError

#: Recordings handed to an actor together at most, so that calls cost the driver little.
MOST_AT_ONCE = 16
#: Seconds until a port counts as one where nobody listens.
_ANSWER_S = 5.0
#: Ray asks a port that answers, but not as Ray does, for 40 s, and 20 times over unless this says once.
_ASK_ONCE = {"RAY_gcs_server_port_wait_time_s": "1"}
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
_TOKEN = "; from Ray 2.60 on most clusters want RAY_AUTH_MODE=token and their token in ~/.ray/auth_token"


class RayCrew:
    """A `Crew` of actors with one core each.

    Args:
        address: of the cluster: ``ray://HOST:10001``, ``HOST:6379``, ``auto``, or ``local`` for one of this
            machine's own.
        size: how many actors; 0: one for each core of the cluster.
        make: importable by name on every node, where this package must be installed.

    Raises:
        InputError: Ray is not installed, nothing listens there (told within seconds), or what does is no
            cluster that this process can join (told within a minute).
    """

    def __init__(self, address: str, size: int, make: Make) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the computer unasked
        try:
            import ray
        except ImportError as error:
            raise needs_extra("--address", "ray", error) from error
        self._ray = ray
        self._join(address)
        cores = int(ray.cluster_resources().get("CPU", 0))
        self.size = size or max(cores, 1)
        self._make = make
        self._actors: dict[int, Any] = {}
        self._awaited: dict[Any, int] = {}

    def _join(self, address: str) -> None:
        """Start a Ray, or join one that is there; what Ray writes meanwhile is in the error."""
        try:
            if address == "local":
                self._ray.init(address, include_dashboard=False, **_QUIET)
                return
            if address != "auto":
                _need_listener(address)
            with environment(_ASK_ONCE), native_stderr_silenced():
                self._ray.init(address, **_QUIET)
        except InputError:
            raise
        except Exception as error:  # each way to fail has its own, down to Exception itself
            if address == "local":
                raise InputError(f"--address local: Ray cannot start here ({_cause(error)})") from error
            token = "" if "RAY_AUTH_MODE" in os.environ else _TOKEN
            raise InputError(
                f"--address {address}: no Ray cluster can be joined there ({_cause(error)}): HOST:6379 is "
                f"for a machine that is a node of it, ray://HOST:10001 for any other{token}"
            ) from error

    def start(self, worker: int) -> None:
        threads = {"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")}
        actor = self._ray.remote(num_cpus=1, runtime_env=threads)(_Actor).remote(self._make, os.getcwd())
        self._actors[worker] = actor
        self._awaited[actor.ready.remote()] = worker

    def give(self, worker: int, jobs: Sequence[Any]) -> None:
        self._awaited[self._actors[worker].work.remote(list(jobs))] = worker

    def events(self, timeout_s: float) -> list[Event]:
        try:
            ready, _ = self._ray.wait(list(self._awaited), num_returns=1, timeout=timeout_s)
            if ready:  # and whatever else is there already: one call for many
                ready, _ = self._ray.wait(list(self._awaited), num_returns=len(self._awaited), timeout=0)
        except ConnectionError as error:
            raise _gone(error) from error
        return [self._news(reference) for reference in ready]

    def close(self) -> None:
        if not self._ray.is_initialized():  # closed before: to kill would start a Ray
            return
        with suppress(ConnectionError):  # the cluster is gone, and the actors with it
            for actor in self._actors.values():
                self._ray.kill(actor)
        self._ray.shutdown()

    def _news(self, reference: Any) -> Event:
        worker = self._awaited.pop(reference)
        try:
            return Event(worker, Done(self._ray.get(reference)))
        except self._ray.exceptions.RayTaskError as error:  # what the worker itself raised
            raise error.cause from error
        except self._ray.exceptions.RayError as error:  # dead, out of memory, its node gone, never begun
            return Event(worker, Lost(_death(error)))
        except ConnectionError as error:
            raise _gone(error) from error


def _gone(error: ConnectionError) -> InputError:
    return InputError(f"the Ray cluster is gone ({_brief(error)}): the same command goes on on another one")


def _need_listener(address: str) -> None:
    """Ray waits minutes for a port where nobody listens; a connection tells at once.

    Raises:
        InputError: the address has no port, or nothing answers there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--address {address}: name ray://HOST:10001, HOST:6379, auto or local")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--address {address}: nothing answers there ({error}): name the head of a cluster, as "
            "'ray start --head' prints it"
        ) from error


def _brief(error: BaseException) -> str:
    """The first line of an error; Ray's go on with advice, identifiers and traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") else lines[0]


def _death(error: BaseException) -> str:
    """Why an actor is dead; of one that a node could not make, what Python said there."""
    brief = _brief(error)
    if "creation task" not in brief:
        return brief
    return f"{str(error).strip().splitlines()[-1].strip()}; every node needs this Lipstream"


def _cause(error: BaseException) -> str:
    """An error and what it comes from; Ray hands that on with its trace, whose last line says it."""
    lines = str(error.__cause__ or "").strip().splitlines()
    return f"{_brief(error)}: {lines[-1].strip()}" if lines else _brief(error)


class _Actor:
    """Makes its worker when asked to be ready, so that what fails then is told as it is."""

    def __init__(self, make: Make, folder: str) -> None:
        self._make = make
        with suppress(OSError):  # as the driver's, where the node has it: names may be relative to it
            os.chdir(folder)

    def ready(self) -> list[Any]:
        self._do = self._make()
        return []

    def work(self, jobs: list[Any]) -> list[Any]:
        return [self._do(job) for job in jobs]
