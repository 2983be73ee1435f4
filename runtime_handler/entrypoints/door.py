"""The listening socket of a replica with several processes: open as long as connections can be taken.

It is watched only while it is open: a connection that cannot be accepted stays in it, and would wake the supervisor for ever.
"""

import errno
import logging
import selectors
import socket
import time
from collections.abc import Callable

from runtime_handler.entrypoints.dispatcher import Dispatcher

PAUSE_S = 1.0
"""How long nothing is accepted after the system had no room for one more connection."""
WARN_S = 60.0
"""How often that is said at most."""
NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

log = logging.getLogger("cxpack")


class Door:
    """Accepts connections for a dispatcher, none while one waits there. `tick` opens it."""

    def __init__(
        self,
        listener: socket.socket,
        selector: selectors.BaseSelector,
        dispatcher: Dispatcher,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        listener.setblocking(False)
        self._listener, self._selector, self._dispatcher, self._clock = listener, selector, dispatcher, clock
        self._open = False
        self._paused_until = self._quiet_until = clock()

    def tick(self, now: float) -> None:
        """Open or close it, as things are."""
        can_take = now >= self._paused_until and not self._dispatcher.waits
        if can_take and not self._open:
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        elif self._open and not can_take:
            self._selector.unregister(self._listener)
        self._open = can_take

    def close(self) -> None:
        """For good."""
        if self._open:
            self._selector.unregister(self._listener)
        self._open = False
        self.forget()

    def forget(self) -> None:
        """Close the copy that a forked process has, and leave the selector to its parent."""
        self._listener.close()

    def _accept(self) -> None:
        while not self._dispatcher.waits:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._could_not(error)
                return
            self._dispatcher.hand_over(connection)

    def _could_not(self, error: OSError) -> None:
        now = self._clock()
        if error.errno in NO_ROOM:  # of any other error, the connection is gone
            self._paused_until = now + PAUSE_S
        if now >= self._quiet_until:
            self._quiet_until = now + WARN_S
            log.warning("a connection could not be accepted: %s", error)
