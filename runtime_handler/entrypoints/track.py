"""The standing of one connection, as the worker keeps it on the board that has the connection."""

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.standing import BROKEN, CLOSES, OWED, standing, written_of


class Track:
    """The place of one connection on the board.

    Whatever happens next is noted before it happens. What has happened is noted when it is certain: `settled` says that
    everything written is with the kernel.
    """

    __slots__ = ("_now", "_slot", "_taken", "_then", "_written")

    def __init__(self, board: Board, slot: int) -> None:
        self._now, self._then, self._taken, self._slot = board.now, board.then, board.taken, slot
        self._written = written_of(board.now[slot])

    def heard(self, count: int, *, settled: bool) -> None:
        """Bytes were read, of a request as far as we know."""
        slot = self._slot
        self._then[slot] |= OWED
        self._now[slot] = self._then[slot] if settled else self._now[slot] | OWED
        self._taken[slot] += count  # last: until here, the kernel's count says that they are lost

    def nothing_owed(self, *, settled: bool) -> None:
        """What was read was no request."""
        self._then[self._slot] &= ~OWED
        if settled:
            self._now[self._slot] = self._then[self._slot]

    def finished(self, *, settled: bool) -> None:
        """The rest was read of a request that was answered before its end."""
        if self._then[self._slot] != BROKEN:
            self._then[self._slot] &= ~CLOSES
        if settled:
            self._now[self._slot] = self._then[self._slot]

    def closes(self, *, settled: bool) -> None:
        """Nothing will be written any more."""
        self._then[self._slot] |= CLOSES
        if settled:
            self._now[self._slot] = self._then[self._slot]

    def writes(self, count: int, then: int, *, settled: bool) -> None:
        """Bytes will be written; afterwards, the flags `then` hold, or the connection is within an answer: BROKEN."""
        if settled:
            self._now[self._slot] = self._then[self._slot]
        self._written += count
        self._then[self._slot] = then if then == BROKEN else standing(self._written, then)
