"""Where a serving process gets its connections from: a socket of its own, or one by one from the supervisor."""

import asyncio
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.direct import DirectProtocol
from runtime_handler.entrypoints.tracked import TrackedProtocol

if TYPE_CHECKING:
    from runtime_handler.entrypoints.siblings import Siblings

SLOT_BYTES = 4
READY = b"ready"
NOT_TAKEN = b"not taken "
"""Before the slot of a connection that could not be taken up."""
MOST_MESSAGES = 64
"""Connections taken up at once, before others on the loop have their turn."""


class Connections(Protocol):
    """What a server process listens to."""

    listeners: list[socket.socket]
    protocol: type[DirectProtocol]
    siblings: "Siblings | None"
    """The other processes that get connections of the same replica; None: there are none."""

    def begin(self, server: Any) -> None:
        """Take up connections for a uvicorn server, on its loop."""

    def ready(self) -> None:
        """The API is ready."""


class OwnListener:
    """Connections accepted from a listening socket."""

    protocol = DirectProtocol
    siblings: "Siblings | None" = None

    def __init__(self, listener: socket.socket) -> None:
        self.listeners = [listener]

    def begin(self, server: Any) -> None:
        """Uvicorn accepts."""

    def ready(self) -> None:
        """Nobody waits for it."""


class Handed:
    """Connections that the supervisor accepted and passes to worker `number` over `channel`: a slot and a file descriptor each.

    The supervisor keeps each open until it hears here that it is done with, or that it is for somebody else.
    """

    protocol: type[DirectProtocol] = TrackedProtocol

    def __init__(self, channel: socket.socket, board: Board, number: int, siblings: "Siblings | None" = None) -> None:
        self.listeners: list[socket.socket] = []
        self.siblings = siblings
        self._channel = channel
        self._board = board
        self._number = number
        self._taking: set[asyncio.Task[Any]] = set()
        self._unsaid: deque[bytes] = deque()

    def begin(self, server: Any) -> None:
        """Take up connections until the supervisor is gone."""
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._take_up, server)

    def ready(self) -> None:
        """Tell the supervisor, and whichever sibling asks."""
        if self.siblings is not None:
            self.siblings.begin()
        self._say(READY)

    def done_with(self, slot: int) -> None:
        """Tell the supervisor that a connection is closed."""
        self._say(slot.to_bytes(SLOT_BYTES, "big"))

    def _say(self, message: bytes) -> None:
        self._unsaid.append(message)
        if len(self._unsaid) == 1:
            self._say_the_rest()

    def _say_the_rest(self) -> None:
        loop = asyncio.get_running_loop()
        while self._unsaid:
            try:
                self._channel.send(self._unsaid[0])
            except BlockingIOError:  # the supervisor has not read what was said before
                loop.add_writer(self._channel.fileno(), self._say_the_rest)
                return
            except OSError:  # the supervisor is gone
                self._unsaid.clear()
                break
            self._unsaid.popleft()
        loop.remove_writer(self._channel.fileno())

    def _take_up(self, server: Any) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(MOST_MESSAGES):
            try:
                message, descriptors, _, _ = socket.recv_fds(self._channel, SLOT_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except ConnectionError:
                message = b""
            if not message:  # the supervisor is gone, and with it everybody who could reach us
                loop.remove_reader(self._channel.fileno())
                server.stop()
                return
            self._board.take_up(self._number)
            if not descriptors:  # there are too many open files here, and the system has closed it
                self._say(NOT_TAKEN + message)
                continue
            connection = socket.socket(fileno=descriptors[0])
            connection.setblocking(False)
            task = loop.create_task(self._serve(server, int.from_bytes(message, "big"), connection))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    async def _serve(self, server: Any, slot: int, connection: socket.socket) -> None:
        def protocol() -> TrackedProtocol:
            made: TrackedProtocol = server.config.http_protocol_class(
                config=server.config, server_state=server.server_state, app_state={}
            )
            made.track(self._board, slot, self.done_with)
            return made

        try:
            _, made = await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
        except OSError:  # the caller is gone already
            self.done_with(slot)
            return
        if server.should_exit:
            made.shutdown()
