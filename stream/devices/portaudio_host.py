"""PortAudio as one process shares it: one lock, routes through the environment, hosts that never answer."""

import atexit
import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ...core.native_stderr import native_stderr_silenced
from ...core.processes import environment
from ...errors import InputError
from .devices import Device, extra_settings, load_portaudio
from .pulse import Kind, route

Result = TypeVar("Result")


class DeadlineError(Exception):
    """A call did not come back in time. Its thread still waits for it."""


def within(
    limit_s: float, call: Callable[[], Result], late: Callable[[Result], object] | None = None
) -> Result:
    """What a call returns, if it does so in time.

    Args:
        limit_s: seconds to wait.
        call: run on a thread of its own, which does not keep the process from ending.
        late: given what the call returned, should it come back after all.

    Raises:
        DeadlineError: it did not come back in time.
        Exception: what the call raised.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            return
        if future.set_running_or_notify_cancel():
            future.set_result(result)
        elif late is not None:
            late(result)

    threading.Thread(target=run, name="lipstream-deadline", daemon=True).start()
    try:
        return future.result(limit_s)
    except TimeoutError as error:
        if future.cancel():
            raise DeadlineError(f"no answer within {limit_s:g} s") from error
        return future.result()  # it came back at the last moment


#: A sound server that does not answer would hold the caller for half a minute.
OPEN_LIMIT_S = 5.0
CLOSE_LIMIT_S = 0.8

# PortAudio and the environment belong to the process, and neither is safe to change from two threads.
_LOCK = threading.Lock()
_streams_open = 0


def open_stream(kind: Kind, device: Device, **options: Any) -> Any:
    """Open and start a stream of sounddevice.

    Args:
        kind: whether it records or plays.
        device: what to open.
        options: for sounddevice's InputStream or OutputStream.

    Raises:
        InputError: it cannot be opened, or the sound server does not answer.
    """
    try:
        return within(OPEN_LIMIT_S, lambda: _open(kind, device, options), late=_close)
    except DeadlineError as error:
        _leave_portaudio_alone_at_exit()
        raise InputError(
            f"{kind} device '{device.label}' does not answer: restart the sound server"
        ) from error
    except load_portaudio().PortAudioError as error:
        raise InputError(
            f"{kind} device '{device.label}' cannot be opened at {options['samplerate']} Hz "
            f"({error.args[0]}): is it plugged in, and not held by another program?"
        ) from error


def close_stream(stream: Any) -> None:
    """Close a stream, dropping what is still to be played; back within a second, closed or not."""
    try:
        within(CLOSE_LIMIT_S, lambda: _close(stream))
    except DeadlineError:
        _leave_portaudio_alone_at_exit()


def refresh_devices() -> bool:
    """Have PortAudio look which devices there are now: it does so only when it is initialised.

    Returns:
        False if that cannot be done now, because a device is open or does not answer.
    """
    try:
        return within(OPEN_LIMIT_S, _refresh)
    except DeadlineError:
        _leave_portaudio_alone_at_exit()
        return False


def _open(kind: Kind, device: Device, options: dict[str, Any]) -> Any:
    global _streams_open
    portaudio = load_portaudio()
    # ALSA's plugins read there which source or sink is meant.
    routed = route(kind, device.route) if device.route is not None else {}
    with _LOCK, environment(routed):
        make = portaudio.InputStream if kind == "input" else portaudio.OutputStream
        stream = make(device=device.index, extra_settings=extra_settings(device), **options)
        try:
            stream.start()
        except portaudio.PortAudioError:
            stream.close()
            raise
        _streams_open += 1
    return stream


def _close(stream: Any) -> None:
    global _streams_open
    with _LOCK:
        stream.close()
        _streams_open -= 1


def _refresh() -> bool:
    portaudio = load_portaudio()
    if not _LOCK.acquire(blocking=False):  # a device is being opened or closed, perhaps for ever
        return False
    try:
        if _streams_open:
            return False
        with native_stderr_silenced():
            # Not public, but what the users of sounddevice do for lack of anything public.
            portaudio._terminate()
            portaudio._initialize()
        return True
    finally:
        _LOCK.release()


def _leave_portaudio_alone_at_exit() -> None:
    """Let Python end although a device does not answer.

    sounddevice would end PortAudio, which waits for that device; then the library would be unmapped under
    PortAudio's threads. ctypes never unmaps what it has opened.
    """
    portaudio = load_portaudio()
    atexit.unregister(portaudio._exit_handler)
    ctypes.CDLL(portaudio._libname)
