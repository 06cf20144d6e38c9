"""Silence for native libraries that write to the process's stderr without being asked."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Drop what native code writes to file descriptor 2 inside the block.

    MediaPipe and FFmpeg log there and honour no setting that can be changed at run time. The descriptor
    belongs to the whole process, so wrap only short calls whose errors come back some other way.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a program without a console has no such descriptor, so nobody reads what is written
        yield
        return
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextlib.contextmanager
def native_stderr_detached() -> Iterator[None]:
    """Drop what native code writes to file descriptor 2 inside the block, but not what Python writes.

    For a program that runs for long beside libraries that may speak at any time, from threads of their own:
    PortAudio does when a sound server dies. Python's `sys.stderr` goes on to where it went.
    """
    python = sys.stderr
    try:
        kept = os.dup(python.fileno())
    except (AttributeError, OSError):  # no console, or a stderr of Python's own making
        yield
        return
    with os.fdopen(kept, "w", buffering=1, encoding=python.encoding, errors=python.errors) as mine:
        python.flush()
        sys.stderr = mine
        try:
            with native_stderr_silenced():
                yield
        finally:
            sys.stderr = python
