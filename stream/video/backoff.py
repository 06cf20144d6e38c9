"""Pauses between attempts: short at first, for a glitch, and longer while nothing helps."""


class Backoff:
    """Doubling pauses.

    Args:
        first_s: the first one, in seconds.
        longest_s: the longest one.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        if not 0 < first_s <= longest_s:
            raise ValueError("pauses must be positive, and the longest no shorter than the first")
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """The pause before the next attempt, in seconds."""
        pause = self._next_s
        self._next_s = min(2 * pause, self._longest_s)
        return pause

    def reset(self) -> None:
        """An attempt went well: begin with the first pause again."""
        self._next_s = self._first_s
