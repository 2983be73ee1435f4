"""Patience with a caller whose request has begun to come: for a while nothing of it may come, not for ever.

What does come takes its place while it is incomplete: of those that a replica has for requests (`max_replica_concurrency`),
once it is known to be a large one.
"""

import asyncio
from collections.abc import Callable

from runtime_handler.entrypoints.last_words import SILENCE_S


class Patience:
    """Calls `lost` when nothing was heard for SILENCE_S; time in which nobody listens, as `deaf` tells, does not count.

    It does not hear that a request is complete: to ask then, when its time is over, costs less than a timer for each request.
    """

    __slots__ = ("_deaf", "_heard", "_loop", "_lost", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, deaf: Callable[[], bool], lost: Callable[[], None]) -> None:
        self._loop, self._deaf, self._lost = loop, deaf, lost
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0

    def wait(self) -> None:
        """Something came, and more is to come."""
        self._heard = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(SILENCE_S, self._look)

    def close(self) -> None:
        """Nothing more can come."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._deaf():
            self._heard = now
        left = self._heard + SILENCE_S - now
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._lost()
