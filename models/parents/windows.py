"""Long recordings through what hears whole ones, as sound comes in: overlapping windows that cross-fade."""

from collections.abc import Callable

import torch
from torch import Tensor


class Windows:
    """Samples in, enhanced samples out, later; memory does not grow with the length of the recording.

    Windows of one length overlap and cross-fade. Where sound ends within a window, and digital silence
    follows, the window is moved back to end with the sound: so is the last one of a recording. Digital
    silence stays what it is, and costs nothing.

    Args:
        enhance: a whole recording ``[B, n]`` to the same shape, n at most ``window``.
        window: samples that it hears at once.
        fade: samples over which neighbours cross-fade, at most half a window.
    """

    def __init__(self, enhance: Callable[[Tensor], Tensor], window: int, fade: int) -> None:
        self._enhance, self._window, self._fade = enhance, window, fade
        self.reset()

    @property
    def delay(self) -> int:
        """Samples that went in are finished at the latest when so many more have."""
        return 2 * self._window - self._fade

    def reset(self) -> None:
        """Forget the recording."""
        self._start = 0  # of the next window
        self._first = 0  # position of the first sample that is kept: a step before that
        self._until = 0  # samples taken
        self._done = 0  # samples given
        self._parts: list[Tensor] = []  # what is kept, each [B, n]
        self._faded: Tensor | None = None  # sum of windows by their weights, from `_done` on
        self._total: Tensor | None = None  # sum of the weights

    def push(self, wave: Tensor) -> Tensor:
        """Take the next samples ``[B, n]``; give those that are finished, ``[B, m]``."""
        self._parts.append(wave)
        self._until += wave.shape[1]
        finished = [wave[:, :0]]
        while self._until >= self._start + self._window:
            heard = torch.cat(self._parts, dim=1)
            self._hear(heard)
            finished.append(self._give(self._start))
            self._parts = [heard[:, self._start - self._first :]]
            self._first = self._start
            self._start += self._window - self._fade
        return torch.cat(finished, dim=1)

    def finish(self, wave: Tensor) -> Tensor:
        """The last samples ``[B, n]``, and all that is not given yet; the recording is over."""
        silence = wave.new_zeros(wave.shape[0], self.delay)
        left = self._until + wave.shape[1] - self._done
        finished = self.push(torch.cat([wave, silence], dim=1))[:, :left]
        self.reset()
        return finished

    def _hear(self, heard: Tensor) -> None:
        """Enhance the window that starts at `_start`, and add it to what is not given yet."""
        start, stop = self._start, self._start + self._window
        self._reach(heard, stop)
        sounding = heard[:, start - self._first : stop - self._first].ne(0).any(0).nonzero()
        end = start + int(sounding[-1]) + 1 if len(sounding) else start
        if end > start + (self._fade if start else 0):  # else the window before has heard all of it
            first = max(0, end - self._window)
            enhanced = self._enhance(heard[:, first - self._first : end - self._first])
            self._add(enhanced, first, self._weights(heard, first, end, stop))
        if end < stop:
            weights = self._weights(heard, start, stop, stop)[end - start :]
            self._add(heard.new_zeros(heard.shape[0], stop - end), end, weights)

    def _weights(self, heard: Tensor, first: int, end: int, stop: int) -> Tensor:
        """Those from ``first`` to ``end`` of a window that would end at ``stop``, where the next fades in."""
        place = torch.arange(first, end, device=heard.device, dtype=torch.float64) + 0.5
        falling = ((stop - place) / self._fade).clamp(max=1.0)
        rising = ((place - first) / self._fade).clamp(max=1.0) if first else torch.ones_like(place)
        return torch.minimum(rising, falling).to(heard.dtype)

    def _reach(self, heard: Tensor, stop: int) -> None:
        """Make room up to a position."""
        if self._faded is None or self._total is None:
            self._faded, self._total = heard[:, :0], heard.new_zeros(0)
        more = stop - self._done - len(self._total)
        self._faded = torch.cat([self._faded, heard.new_zeros(heard.shape[0], more)], dim=1)
        self._total = torch.cat([self._total, heard.new_zeros(more)])

    def _add(self, wave: Tensor, first: int, weights: Tensor) -> None:
        assert self._faded is not None
        assert self._total is not None
        part = slice(first - self._done, first - self._done + wave.shape[1])
        self._faded[:, part] += weights * wave
        self._total[part] += weights

    def _give(self, stop: int) -> Tensor:
        """What no later window reaches: all up to the start of the last one that was heard."""
        assert self._faded is not None
        assert self._total is not None
        count = stop - self._done
        given = self._faded[:, :count] / self._total[:count]
        self._faded, self._total = self._faded[:, count:], self._total[count:]
        self._done = stop
        return given
