"""A worker as its supervisor sees it, and when a dead one's successor starts."""

import socket
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

FIRST_BACK_OFF_S = 1.0
LONGEST_BACK_OFF_S = 30.0
STUCK_S = 0.1
"""How long a worker that gets its share of the processor may leave a connection alone."""


@dataclass(slots=True)
class Worker:
    """A serving process; `slots` are the connections it has, `turn` says when it was last handed one.

    Until the second `full_until` it counts as one that has too many open files.
    """

    number: int
    pid: int
    channel: socket.socket
    ready: bool = False
    turn: int = 0
    full_until: float = 0.0
    slots: set[int] = field(default_factory=set)
    handed: int = 0
    _handed_at: deque[float] = field(default_factory=deque)

    def hand(self, slot: int, turn: int, now: float) -> None:
        """It was handed a connection."""
        self.slots.add(slot)
        self.turn = turn
        self.handed += 1
        self._handed_at.append(now)

    def not_taken_up(self, taken_up: int) -> int:
        """How many connections it has not looked at, of which it has counted `taken_up`."""
        while len(self._handed_at) > self.handed - taken_up:
            self._handed_at.popleft()
        return len(self._handed_at)

    def stuck(self, now: float) -> bool:
        """Whether it has left one alone for long: its loop stands still. To be asked after `not_taken_up`."""
        return bool(self._handed_at) and now - self._handed_at[0] > STUCK_S


class Successions:
    """Which workers are to be started again, and when: at once after a life, later and later after failing to start."""

    def __init__(self) -> None:
        self._due: dict[int, tuple[float, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def died(self, worker: Worker, now: float) -> None:
        """It needs a successor."""
        if worker.ready:
            self._due[worker.number] = (now, 0.0)
        else:
            self.failed(worker.number, now)

    def failed(self, number: int, now: float) -> None:
        """A successor could not start."""
        _, wait = self._due.get(number, (0.0, 0.0))
        wait = min(LONGEST_BACK_OFF_S, wait * 2 or FIRST_BACK_OFF_S)
        self._due[number] = (now + wait, wait)

    def ready(self, worker: Worker) -> None:
        """The successor has started."""
        self._due.pop(worker.number, None)

    def due(self, now: float, running: Collection[int]) -> list[int]:
        """The numbers of workers to start now."""
        return [number for number, (at, _) in self._due.items() if number not in running and now >= at]
