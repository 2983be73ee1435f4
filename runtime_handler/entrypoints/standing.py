"""How a connection stands with its caller, written so that the supervisor can tell when the worker is dead.

The worker can say beforehand what will hold once an answer is out, and never exactly when that is: it may die between
the write and the note of it. The kernel knows how many bytes were written. So two standings are kept, each with the
number of bytes it belongs to, the one before the write in progress and the one after it, and the kernel's count says
which of them holds.
"""

import enum

OWED = 1
"""Bytes of a request were read that is not answered."""
CLOSES = 2
"""The answer that is out said that the connection ends, or was to a request whose own end is still to come."""
_FLAGS = 2
BROKEN = -1
"""The standing within an answer: whatever was written, nobody else can go on from here."""


class Fate(enum.Enum):
    """What becomes of a dead worker's connection."""

    KEEP = enum.auto()
    """Between two requests: any worker can take it over."""
    REFUSE = enum.auto()
    """A request is lost and nothing of its answer out: 503."""
    CLOSE = enum.auto()
    """It ends: as announced, or within an answer or a request, which nobody else can complete."""


def standing(written: int, flags: int = 0) -> int:
    """One word for what holds when `written` bytes are written."""
    return written << _FLAGS | flags


def written_of(word: int) -> int:
    """The number of bytes written that a standing belongs to; -1 for none."""
    return word >> _FLAGS


def fate_of(now: int, then: int, taken: int, *, written: int | None, read: int | None) -> Fate:
    """What becomes of a connection with the standings `now` and `then`, of which its worker said it took `taken` bytes.

    `written` and `read` are the kernel's counts. Where it has none, only standings that agree are sure.
    """
    if now == then or written == written_of(now):
        holds = now
    elif written == written_of(then):
        holds = then
    else:
        return Fate.CLOSE
    if holds == BROKEN or holds & CLOSES:
        return Fate.CLOSE
    lost = read is not None and read > taken  # read by a worker that died before it could say so
    return Fate.REFUSE if lost or holds & OWED else Fate.KEEP
