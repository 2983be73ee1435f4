"""A worker as its supervisor sees it, and when a dead one's successor starts."""

import socket
from collections.abc import Collection
from dataclasses import dataclass, field

FIRST_BACK_OFF_S = 1.0
LONGEST_BACK_OFF_S = 30.0


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
