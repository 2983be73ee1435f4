"""Hands the connections of a replica to its workers, and knows which worker has which.

A copy of each file descriptor stays here, so that a worker's death does not close it.
"""

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.connections import SLOT_BYTES
from runtime_handler.entrypoints.farewell import Farewell
from runtime_handler.entrypoints.kernel import bytes_read, bytes_written
from runtime_handler.entrypoints.last_words import NO_ROOM
from runtime_handler.entrypoints.standing import Fate
from runtime_handler.entrypoints.worker import Worker

FULL_S = 1.0
"""How long a worker that had too many open files gets connections only when nobody else is there."""

log = logging.getLogger("cxpack")


class Dispatcher:
    """`workers` are those that run at any time, by process id; whose connection nobody can answer gets 503 from `farewell`."""

    def __init__(
        self,
        board: Board,
        workers: Mapping[int, Worker],
        farewell: Farewell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board, self._workers, self._farewell, self._clock = board, workers, farewell, clock
        self._connections: dict[int, socket.socket] = {}
        self._free = list(range(board.slots - 1, -1, -1))
        self._turn = 0
        self._waiting: deque[tuple[socket.socket, int]] = deque()

    @property
    def waits(self) -> bool:
        """Whether a connection waits for a worker that can take it."""
        return bool(self._waiting)

    def hand_over(self, connection: socket.socket, taken: int = 0) -> None:
        """To the ready worker with the least to do, one that stands still being the last; when none can take it, it waits.

        `taken` is what the workers before this one have read of it, in bytes.
        """
        if not self._give(connection, taken, self._workers.values()):
            self._waiting.append((connection, taken))

    def hand_back(self, worker: Worker, slot: int) -> None:
        """The worker could not take it up, for it has too many open files: another takes it, or its caller gets 503."""
        connection = self._release(worker, slot)
        now = self._clock()
        if now >= worker.full_until:
            log.warning("worker %d has too many open files; new connections go to others", worker.number)
        worker.full_until = now + FULL_S
        if not self._give(
            connection, self._board.taken[slot], [each for each in self._workers.values() if now >= each.full_until]
        ):
            self._farewell.refuse(connection, NO_ROOM)

    def retry(self) -> None:
        """Hand over those that wait."""
        for _ in range(len(self._waiting)):
            self.hand_over(*self._waiting.popleft())

    def done(self, worker: Worker, slot: int) -> None:
        """The worker has closed this connection."""
        self._release(worker, slot).close()

    def orphan(self, worker: Worker, *, stopping: bool) -> None:
        """The worker is dead: each of its connections goes to another, or ends as it must."""
        for slot in sorted(worker.slots):
            connection = self._release(worker, slot)
            fate = self._board.fate(slot, written=bytes_written(connection), read=bytes_read(connection))
            if fate is Fate.REFUSE:
                self._farewell.refuse(connection)
            elif fate is Fate.KEEP and not stopping:
                self.hand_over(connection, self._board.taken[slot])
            else:
                connection.close()

    def close(self) -> None:
        """Close every copy that this process has."""
        for connection in chain(self._connections.values(), (connection for connection, _ in self._waiting)):
            connection.close()

    def _give(self, connection: socket.socket, taken: int, workers: Iterable[Worker]) -> bool:
        now = self._clock()
        candidates = sorted(workers, key=lambda worker: self._load(worker, now))
        for worker in candidates if self._free else ():
            slot = self._free.pop()
            self._board.begin(slot, taken=taken, written=bytes_written(connection))
            try:
                socket.send_fds(worker.channel, [slot.to_bytes(SLOT_BYTES, "big")], [connection.fileno()])
            except OSError:  # it has just died, or has not yet taken up what it was handed
                self._free.append(slot)
                continue
            self._connections[slot] = connection
            self._turn += 1
            worker.hand(slot, self._turn, now)
            return True
        return False

    def _release(self, worker: Worker, slot: int) -> socket.socket:
        worker.slots.discard(slot)
        self._free.append(slot)
        return self._connections.pop(slot)

    def _load(self, worker: Worker, now: float) -> tuple[bool, bool, bool, int, int, int]:
        coming = worker.not_taken_up(self._board.taken_up(worker.number))
        to_do = self._board.in_flight_of(worker.number) + coming
        return (now < worker.full_until, not worker.ready, worker.stuck(now), to_do, len(worker.slots), worker.turn)
