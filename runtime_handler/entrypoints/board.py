"""Memory that the processes of a replica share: their counts of requests in flight, and the state of every connection.

It outlives a worker that is killed, which is the point: the supervisor reads from it which connections were waiting
for an answer. Each number has one writer, and writing a machine word is atomic.
"""

import enum
import mmap


class Connection(enum.IntEnum):
    """What a connection was doing when its worker was last able to say."""

    IDLE = 0
    """Between two requests: any worker can take it over."""
    ASKED = 1
    """Bytes of a request were read and none of the answer written."""
    ANSWERING = 2
    """Some of the answer may be out."""


class Board:
    """Shared by fork. `workers` are numbered from 0; a connection has a slot below `slots`."""

    def __init__(self, workers: int, slots: int) -> None:
        self.workers = workers
        self.slots = slots
        counters = 8 * (workers + 1)
        self._memory = memoryview(mmap.mmap(-1, counters + 8 * slots + slots))
        self._counts = self._memory[:counters].cast("q")
        self._taken = self._memory[counters : counters + 8 * slots].cast("q")
        self._states = self._memory[counters + 8 * slots :]

    def in_flight(self) -> int:
        """Requests in flight in all workers."""
        return sum(self._counts[: self.workers])

    def in_flight_of(self, worker: int) -> int:
        """Requests in flight in one worker."""
        return self._counts[worker]

    def add(self, worker: int, change: int) -> None:
        """Called by that worker alone."""
        self._counts[worker] += change

    def clear(self, worker: int) -> None:
        """Called by the supervisor when the worker is dead."""
        self._counts[worker] = 0

    @property
    def all_ready(self) -> bool:
        """Whether every worker has been ready once."""
        return self._counts[self.workers] == 1

    def set_all_ready(self) -> None:
        """Called by the supervisor."""
        self._counts[self.workers] = 1

    def state(self, slot: int) -> int:
        """A `Connection`."""
        return self._states[slot]

    def taken(self, slot: int) -> int:
        """Bytes read from the connection, by all workers that had it."""
        return self._taken[slot]

    def add_taken(self, slot: int, count: int) -> None:
        """Called by the worker that has the connection."""
        self._taken[slot] += count

    def set_taken(self, slot: int, count: int) -> None:
        """Called by the supervisor before a worker has the connection."""
        self._taken[slot] = count

    def set_state(self, slot: int, state: int) -> None:
        """Called by the worker that has the connection, and by the supervisor when there is none."""
        self._states[slot] = state


class WorkerGate:
    """The gate of one worker: the limit holds for all of them together."""

    def __init__(self, board: Board, worker: int, limit: int) -> None:
        self._board = board
        self._worker = worker
        self._limit = limit

    def enter(self) -> bool:
        """See `Gate.enter`; counting first and looking then, two workers can refuse both, and never both let in."""
        self._board.add(self._worker, 1)
        if self._board.in_flight() <= self._limit:
            return True
        self._board.add(self._worker, -1)
        return False

    def leave(self) -> None:
        """See `Gate.leave`."""
        self._board.add(self._worker, -1)

    def in_flight(self) -> int:
        """See `Gate.in_flight`."""
        return self._board.in_flight()

    def ready(self) -> bool:
        """See `Gate.ready`."""
        return self._board.all_ready
