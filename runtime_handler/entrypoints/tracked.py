"""A connection whose state survives its worker, for the supervisor to read when the worker is dead."""

import os
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime_handler.entrypoints.board import Board, Connection

SETTLE_S = 0.01


class TrackedTransport:
    """uvicorn's transport, except that an answer goes to the kernel in one piece, at once, and not at the end of a turn.

    So there is no time in which an answer is neither with the caller nor certainly lost.
    """

    def __init__(self, transport: Any, board: Board, slot: int) -> None:
        self._transport = transport
        self._board = board
        self._slot = slot
        self._held: list[bytes] = []
        self._holding = False
        self._descriptor: int = transport.get_extra_info("socket").fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def hold(self) -> None:
        """Gather what is written until `release`."""
        self._holding = True

    def write(self, data: bytes) -> None:
        """See asyncio.Transport."""
        if self._holding:
            self._held.append(data)
        else:
            self._transport.write(data)

    def release(self) -> bool:
        """Write what was gathered; whether all of it is with the kernel."""
        self._holding = False
        data = b"".join(self._held)
        self._held.clear()
        if self._transport.is_closing():
            return False
        self._board.set_state(self._slot, Connection.ANSWERING)
        if self._transport.get_write_buffer_size() == 0:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                pass  # the caller reads slowly: the transport waits for them
            except OSError:  # they are gone, which the transport finds out by itself
                return False
        if data:
            self._transport.write(data)
        return not data

    def close(self) -> None:
        """See asyncio.Transport."""
        if self._holding:
            self.release()
        self._transport.close()


class TrackedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which notes on the board what its connection is doing."""

    def track(self, board: Board, slot: int, done_with: Callable[[int], None]) -> None:
        """Keep the state of this connection at `slot`, and call `done_with` when it is closed."""
        self._board, self._slot, self._done_with = board, slot, done_with

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        self._tracked = TrackedTransport(transport, self._board, self._slot)
        super().connection_made(self._tracked)  # type: ignore[arg-type]  # as good as one

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._board.add_taken(self._slot, len(data))
        if self.cycle is None or self.cycle.response_complete:
            self._board.set_state(self._slot, Connection.ASKED)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._done_with(self._slot)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        send = cycle.send

        async def send_whole(message: Any) -> None:
            self._tracked.hold()
            await send(message)
            if message["type"] != "http.response.start" and self._tracked.release():
                self._settle()

        cycle.send = send_whole
        super()._start_asgi_task(cycle, app)

    def _settle(self) -> None:
        """What the connection is doing once everything written is with the kernel."""
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(SETTLE_S, self._settle)
        elif self.cycle.response_complete:
            self._board.set_state(self._slot, Connection.IDLE)
        elif self.pipeline:
            self._board.set_state(self._slot, Connection.ASKED)
