"""The last words to callers whose process ends before their request does: 503, and patience until they have read it.

Closing a connection with unread bytes of the request resets it, and the answer would be lost on its way. So who still
sends a large body may finish: most clients read nothing before.
"""

import selectors
import socket
import time
from collections.abc import Callable

from runtime_handler.entrypoints.last_words import WORKER_ENDED

PATIENCE_S = 2.0
"""How long nothing may come before the connection is closed."""
MOST_PATIENCE_S = 60.0
"""How long it is read at most."""


class Farewell:
    """Connections that got their 503 and are read until their caller closes them, or loses our patience."""

    def __init__(self, selector: selectors.BaseSelector, clock: Callable[[], float] = time.monotonic) -> None:
        self._selector = selector
        self._clock = clock
        self._leaving: dict[socket.socket, tuple[float, float]] = {}
        """For each, when it is closed if nothing more comes, and when in any case."""

    def refuse(self, connection: socket.socket, answer: bytes = WORKER_ENDED) -> None:
        """Answer 503 on a connection that no worker has any more."""
        connection.setblocking(False)
        try:
            connection.send(answer)
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # the caller is gone
            connection.close()
            return
        now = self._clock()
        self._leaving[connection] = (now + PATIENCE_S, now + MOST_PATIENCE_S)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def tick(self, now: float) -> None:
        """Close those whose time is over."""
        for connection, ends in list(self._leaving.items()):
            if now >= min(ends):
                self._end(connection)

    def close(self) -> None:
        """Close all."""
        for connection in list(self._leaving):
            self._end(connection)

    def forget(self) -> None:
        """Close the copies that a forked process has, and leave the selector to its parent."""
        for connection in self._leaving:
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        try:
            came = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:  # the caller is gone: reset, timed out, unreachable
            came = b""
        if came:
            self._leaving[connection] = (self._clock() + PATIENCE_S, self._leaving[connection][1])
        else:
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        del self._leaving[connection]
        self._selector.unregister(connection)
        connection.close()
