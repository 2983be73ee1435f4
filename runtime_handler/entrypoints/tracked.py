"""A connection whose standing survives its worker, for the supervisor to read when the worker is dead."""

import asyncio
from collections.abc import Callable
from typing import Any

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.direct import DirectProtocol
from runtime_handler.entrypoints.standing import BROKEN, CLOSES, OWED
from runtime_handler.entrypoints.track import Track


class TrackedTransport:
    """What uvicorn writes to: what one message of an app makes it do is done at its end, when it is known what for."""

    def __init__(self, transport: Any, track: Track) -> None:
        self._transport = transport
        self._track = track
        self._held: list[bytes] | None = None
        self._within = False
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._closed or bool(self._transport.is_closing())

    def settled(self) -> bool:
        """Whether everything written is with the kernel."""
        return bool(self._transport.get_write_buffer_size() == 0)

    def hold(self) -> None:
        """A message begins: gather what is written until `release`."""
        self._held = self._held or []
        self._within = True

    def keep(self, loop: asyncio.AbstractEventLoop) -> None:
        """The message was an answer's head: it waits for its body as long as this turn of the loop lasts."""
        self._within = False
        loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._held is not None and not self._within:
            self.release(BROKEN)

    def release(self, then: int) -> None:
        """The message ends: write what was gathered; see `Track.writes`."""
        data, self._held, self._within = b"".join(self._held or ()), None, False
        if data:
            self.write_and_note(data, then)
        if self._closed:
            self._track.closes(settled=self.settled())
            self._transport.close()

    def write_and_note(self, data: bytes, then: int) -> None:
        """Write; see `Track.writes`."""
        self._track.writes(len(data), then, settled=self.settled())
        self._transport.write(data)

    def write(self, data: bytes) -> None:
        """See asyncio.Transport. By itself, uvicorn writes what answers no request: 100 Continue, and 400 to no HTTP."""
        if self._held is None:
            self.write_and_note(data, OWED)
        else:
            self._held.append(data)

    def close(self) -> None:
        """See asyncio.Transport."""
        self._closed = True
        if not self._within:
            self.release(BROKEN)


class TrackedProtocol(DirectProtocol):
    """A protocol that keeps its connection's place on the board."""

    def track(self, board: Board, slot: int, done_with: Callable[[int], None]) -> None:
        """Keep the standing of this connection at `slot`, and call `done_with` when it is closed."""
        self._board, self._slot, self._done_with = board, slot, done_with
        self._track = Track(board, slot)
        self._owed = 0

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        self._tracked = TrackedTransport(transport, self._track)
        super().connection_made(self._tracked)  # as good as one

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._track.heard(len(data), settled=self._tracked.settled())
        super().data_received(data)
        if self._owed == 0:
            self._track.nothing_owed(settled=self._tracked.settled())

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._done_with(self._slot)

    def on_message_begin(self) -> None:
        """See httptools."""
        self._owed += 1
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """See httptools."""
        if self._owed == 0 and not self._tracked.is_closing():
            self._track.finished(settled=self._tracked.settled())
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """See uvicorn's protocol."""
        self._owed -= 1
        super().on_response_complete()

    def write_answer(self, answer: bytes, *, keep_alive: bool) -> None:
        """See `DirectProtocol`."""
        self._tracked.write_and_note(answer, (OWED if self._owed > 1 else 0) | (0 if keep_alive else CLOSES))
        if not keep_alive:
            self._tracked.close()

    def withdrawn(self) -> None:
        """See `DirectProtocol`."""
        self._owed -= 1

    def begun(self, cycle: Any) -> None:
        """See `DirectProtocol`."""
        super().begun(cycle)
        send = cycle.send

        async def send_and_note(message: Any) -> None:
            self._tracked.hold()
            then = BROKEN
            try:
                await send(message)
                if message["type"] == "http.response.start":
                    self._tracked.keep(self.loop)
                    return
                if cycle.response_complete:
                    then = OWED if self._owed else 0
                    if not cycle.keep_alive or (self._incomplete and not self._owed):  # who else would know where it ends?
                        then |= CLOSES
            except BaseException:
                self._tracked.release(then)
                raise
            self._tracked.release(then)

        cycle.send = send_and_note
