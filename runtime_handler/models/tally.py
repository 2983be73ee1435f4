"""A count that many threads add to."""

from itertools import count


class Tally:
    """Counts calls from many threads without a lock."""

    def __init__(self) -> None:
        self._next = count().__next__
        self._taken = 0

    def __call__(self) -> None:
        """Count one."""
        self._next()

    def taken(self) -> int:
        """How many were counted since the last time; for one thread at a time."""
        total = self._next()
        before, self._taken = self._taken, total + 1
        return total - before
