"""Memory that the processes of a replica share: what each has to do, who tells the others, and how each connection stands.

It outlives a worker that is killed, which is the point: the supervisor reads from it which connections were waiting
for an answer. Each number has one writer, and writing a machine word is atomic.
"""

import mmap

from runtime_handler.entrypoints.standing import Fate, fate_of, standing


class Board:
    """Shared by fork. `workers` are numbered from 0; a connection has a slot below `slots`.

    Of each slot: `taken`, the bytes read from the connection by all workers that had it, and its two standings `now` and
    `then`. They are written by the worker that has the connection, and before that by the supervisor.
    """

    def __init__(self, workers: int, slots: int) -> None:
        self.workers = workers
        self.slots = slots
        words = memoryview(mmap.mmap(-1, 8 * (workers + 1 + 2 * workers + 3 * slots))).cast("q")
        self._counts, words = words[: workers + 1], words[workers + 1 :]
        self._tells, words = words[:workers], words[workers:]
        self._taken_up, words = words[:workers], words[workers:]
        self.taken, self.now, self.then = (words[nth * slots :][:slots] for nth in range(3))

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
        self._counts[worker] = self._tells[worker] = self._taken_up[worker] = 0

    def taken_up(self, worker: int) -> int:
        """How many of the connections that it was handed a worker has looked at."""
        return self._taken_up[worker]

    def take_up(self, worker: int) -> None:
        """Called by that worker alone."""
        self._taken_up[worker] += 1

    def tells(self, worker: int) -> bool:
        """Whether a worker answers those who ask it for its status."""
        return self._tells[worker] == 1

    def set_tells(self, worker: int) -> None:
        """Called by that worker alone."""
        self._tells[worker] = 1

    @property
    def all_ready(self) -> bool:
        """Whether every worker has been ready once."""
        return self._counts[self.workers] == 1

    def set_all_ready(self) -> None:
        """Called by the supervisor."""
        self._counts[self.workers] = 1

    def begin(self, slot: int, *, taken: int, written: int | None) -> None:
        """Called by the supervisor before a worker gets a connection; the byte counts are those of all workers before it."""
        self.taken[slot] = taken
        self.now[slot] = self.then[slot] = standing(written or 0)

    def fate(self, slot: int, *, written: int | None, read: int | None) -> Fate:
        """Called by the supervisor when the worker is dead; see `fate_of`."""
        return fate_of(self.now[slot], self.then[slot], self.taken[slot], written=written, read=read)


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
