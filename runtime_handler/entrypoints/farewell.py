"""The last words to callers whose worker died: 503, and patience until they have read it.

Closing a connection with unread bytes of the request resets it, and the answer would be lost on its way.
"""

import contextlib
import json
import selectors
import socket
import time

PATIENCE_S = 2.0

_BODY = json.dumps({"error": "the process that served this request ended; try again", "kind": "worker_ended"}).encode()
ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class Farewell:
    """Connections that got their 503 and are read until their caller closes them, for two seconds at most."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._leaving: dict[socket.socket, float] = {}

    def refuse(self, connection: socket.socket) -> None:
        """Answer 503 on a connection that no worker has any more."""
        connection.setblocking(False)
        try:
            connection.send(ANSWER)
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # the caller is gone
            connection.close()
            return
        self._leaving[connection] = time.monotonic() + PATIENCE_S
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def tick(self, now: float) -> None:
        """Close those whose time is over."""
        for connection, until in list(self._leaving.items()):
            if now >= until:
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
        with contextlib.suppress(BlockingIOError):
            try:
                if connection.recv(65536):
                    return
            except ConnectionError:
                pass
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        del self._leaving[connection]
        self._selector.unregister(connection)
        connection.close()
