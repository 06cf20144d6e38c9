"""Files in place of sound devices, at the pace of real time: to try a live session without any device."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..audio_files import AudioLayout, AudioReader, AudioWriter, check_output, choose_format, open_audio
from .endpoints import Deliver, EndpointInfo, Render

BLOCK_S = 0.01
#: Files have no clock of their own: both ends go by the computer's.
CLOCK = "computer"


class FileEndpoint:
    """What a file played and a file written have in common: a thread that takes a turn for each block."""

    def __init__(self, path: Path, rate: int) -> None:
        self._path = path
        self._info = EndpointInfo(str(path), rate, round(rate * BLOCK_S), 0.0, CLOCK)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: InputError | None = None

    @property
    def info(self) -> EndpointInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def failure(self) -> InputError | None:
        """Why it stopped by itself: a damaged file, a full disk."""
        return self._failure

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def _launch(self, turns: Iterator[None]) -> None:
        """Run the turns on the thread until they end or `stop` is called."""
        self._stopping.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(turns,), name="lipstream-file", daemon=True)
        self._thread.start()

    def _run(self, turns: Iterator[None]) -> None:
        try:
            for _ in turns:
                pass
        except InputError as error:
            self._failure = error

    def _due_times(self) -> Iterator[float]:
        """The time at which each block is due, when it is; ends when `stop` is called."""
        started = time.perf_counter()
        for blocks in count(1):
            due_s = started + blocks * self._info.block / self._info.rate
            if self._stopping.wait(max(0.0, due_s - time.perf_counter())):
                return
            yield due_s


class FileSource(FileEndpoint):
    """An `AudioSource` that plays a file as a microphone would hear it; after its end comes silence.

    Args:
        path: any file with sound.
        channel: which of its channels, from 1.

    Raises:
        InputError: the file cannot be read, or has no such channel.
    """

    def __init__(self, path: Path, channel: int = 1) -> None:
        with open_audio(path) as reader:
            layout = reader.layout
        if not 1 <= channel <= layout.channels:
            raise InputError(f"{path} has no channel {channel}: choose one from 1 to {layout.channels}")
        super().__init__(path, layout.sample_rate)
        self._channel = channel
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether the whole file was delivered."""
        return self._finished

    def start(self, deliver: Deliver) -> None:
        self._launch(self._play(deliver))

    def _play(self, deliver: Deliver) -> Iterator[None]:
        with open_audio(self._path) as reader:
            for due_s, block in zip(self._due_times(), self._blocks(reader), strict=False):
                deliver(block, due_s)
                yield

    def _blocks(self, reader: AudioReader) -> Iterator[Float32]:
        self._finished = False
        for block in reader.blocks(self._info.block):
            yield np.ascontiguousarray(block[:, self._channel - 1])
        self._finished = True
        while True:
            yield np.zeros(self._info.block, np.float32)


class FileSink(FileEndpoint):
    """An `AudioSink` that writes what a loudspeaker would play; the file appears, whole, at `stop`.

    Args:
        path: where to write, in the format its extension names; a file there is replaced.
        sample_rate: of the file, in Hz.

    Raises:
        InputError: the extension names no format, or the place cannot be written.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        check_output(path, [])
        container, subtype = choose_format(path, Path(), "", "PCM_24")
        super().__init__(path, sample_rate)
        self._layout = AudioLayout(sample_rate, 1, 0, container, subtype)
        self._abandoned = False

    def start(self, render: Render) -> None:
        self._launch(self._write(render))

    def abandon(self) -> None:
        """What is written is not whole: at `stop` no file appears, and one that was there before stays."""
        self._abandoned = True

    def _write(self, render: Render) -> Iterator[None]:
        block = np.zeros(self._info.block, np.float32)
        with AudioWriter(self._path, self._layout) as writer:
            for due_s in self._due_times():
                render(block, due_s)
                writer.write(block[:, None])
                yield
            if self._abandoned:
                raise InputError(f"{self._path} was not finished: begin again")
