"""Hands the connections of a replica to its workers, and knows which worker has which.

A copy of each file descriptor stays here, so that a worker's death does not close it.
"""

import socket
from collections import deque
from collections.abc import Mapping
from itertools import chain

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.connections import SLOT_BYTES
from runtime_handler.entrypoints.farewell import Farewell
from runtime_handler.entrypoints.kernel import bytes_read, bytes_written
from runtime_handler.entrypoints.standing import Fate
from runtime_handler.entrypoints.worker import Worker


class Dispatcher:
    """`workers` are those that run at any time, by process id; whose connection nobody can answer gets 503 from `farewell`."""

    def __init__(self, board: Board, workers: Mapping[int, Worker], farewell: Farewell) -> None:
        self._board, self._workers, self._farewell = board, workers, farewell
        self._connections: dict[int, socket.socket] = {}
        self._free = list(range(board.slots - 1, -1, -1))
        self._turn = 0
        self._waiting: deque[tuple[socket.socket, int]] = deque()

    @property
    def waits(self) -> bool:
        """Whether a connection waits for a worker that can take it."""
        return bool(self._waiting)

    def hand_over(self, connection: socket.socket, taken: int = 0) -> None:
        """To the ready worker with the least to do; when none can take it, it waits.

        `taken` is what the workers before this one have read of it, in bytes.
        """
        candidates = sorted(self._workers.values(), key=self._load)
        for worker in candidates if self._free else ():
            slot = self._free.pop()
            self._board.begin(slot, taken=taken, written=bytes_written(connection))
            try:
                socket.send_fds(worker.channel, [slot.to_bytes(SLOT_BYTES, "big")], [connection.fileno()])
            except OSError:  # it has just died, or has not yet taken up what it was handed
                self._free.append(slot)
                continue
            self._connections[slot] = connection
            worker.slots.add(slot)
            self._turn += 1
            worker.turn = self._turn
            return
        self._waiting.append((connection, taken))

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

    def _release(self, worker: Worker, slot: int) -> socket.socket:
        worker.slots.discard(slot)
        self._free.append(slot)
        return self._connections.pop(slot)

    def _load(self, worker: Worker) -> tuple[bool, int, int, int]:
        return (not worker.ready, self._board.in_flight_of(worker.number), len(worker.slots), worker.turn)
