"""How many requests are in flight on the replica, and whether one more may come in."""

from typing import Protocol


class Gate(Protocol):
    """Counts the requests of a replica, those of its other processes included."""

    def enter(self) -> bool:
        """Count one more request; False, and nothing counted, when the replica has as many as it may."""

    def leave(self) -> None:
        """A request that entered is done."""

    def in_flight(self) -> int:
        """Requests now in flight on the replica."""

    def ready(self) -> bool:
        """Whether every process of the replica has been ready, when this one is."""


class ProcessGate:
    """The gate of a replica with one process; used on its event loop alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight = 0

    def enter(self) -> bool:
        """See `Gate.enter`."""
        if self._in_flight >= self._limit:
            return False
        self._in_flight += 1
        return True

    def leave(self) -> None:
        """See `Gate.leave`."""
        self._in_flight -= 1

    def in_flight(self) -> int:
        """See `Gate.in_flight`."""
        return self._in_flight

    def ready(self) -> bool:
        """There is no other process to wait for."""
        return True
