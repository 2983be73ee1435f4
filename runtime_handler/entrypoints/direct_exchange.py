"""One prediction over HTTP: the app's coroutine, resumed by whoever has what it waits for.

The app awaits one thing on its way, the thread that predicts. So the coroutine runs from the last byte of a request to
there, and from the prediction to its end; the answer leaves in one write. No task, event or future is made.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from runtime_handler.app import App
from runtime_handler.asgi import CORS, BrokenOff, Message, NeedsLoop
from runtime_handler.codec import BYTES, JSON, TEXT
from runtime_handler.request import Answer, Request
from runtime_handler.service import Service
from runtime_handler.threads import Threads

if TYPE_CHECKING:
    from runtime_handler.entrypoints.direct import DirectProtocol

_LINES = {
    header: b"%b: %b\r\n" % header for header in (*CORS, *((b"content-type", name.encode()) for name in (JSON, TEXT, BYTES)))
}
"""The header lines that most answers have."""
_DISCONNECTED: Message = {"type": "http.disconnect"}
_UNHEARD = asyncio.Event()
"""What uvicorn sets when something happens to a connection; nobody waits for it here."""

log = logging.getLogger("cxpack")


class _Prediction:
    """`await _Prediction(...)` gives the answer of a thread, in a coroutine that an exchange runs."""

    __slots__ = ("_service", "_threads", "request")

    def __init__(self, service: Service, threads: Threads, request: Request) -> None:
        self._service, self._threads, self.request = service, threads, request

    def __await__(self) -> "Generator[_Prediction, Answer, Answer]":
        return (yield self)

    def begin(self, exchange: "Exchange") -> None:
        """Have the exchange told of the answer."""
        self._threads.run_for(exchange, self._service.predict, self.request)


def predicting(service: Service, threads: Threads) -> Callable[[Request], Coroutine[Any, Any, Answer]]:
    """The `Run` of an app whose coroutines are run by exchanges."""

    async def run(request: Request) -> Answer:
        answer = await _Prediction(service, threads, request)
        if answer.response is not None:
            await NeedsLoop()
        return answer

    return run


class Exchange:
    """One request and its answer: ASGI's receive and send for the app, a `Waiter` for the thread, a cycle for uvicorn."""

    __slots__ = (
        "_coroutine",
        "_handed_over",
        "_head",
        "_protocol",
        "_received",
        "begun",
        "body",
        "disconnected",
        "keep_alive",
        "response_complete",
        "scope",
    )
    message_event = _UNHEARD
    more_body = False

    def __init__(self, protocol: "DirectProtocol", scope: dict[str, Any], *, keep_alive: bool) -> None:
        self._protocol = protocol
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._handed_over: RequestResponseCycle | None = None
        self._head: list[bytes] = []
        self._received = False
        self.begun = self.disconnected = self.response_complete = False
        self.body: bytes | bytearray = b""
        self.keep_alive = keep_alive
        self.scope = scope

    def begin(self, app: App) -> None:
        """The request is complete, or its caller gone."""
        self.begun = True
        self._coroutine = app.predict(self.scope, self.receive, self.send)
        self._step(self._coroutine.send, None)

    # What a thread calls with what it has, on the loop

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return False

    cancelled = done

    def set_result(self, answer: Any) -> None:
        """The thread's answer."""
        assert self._coroutine is not None
        self._step(self._coroutine.send, answer)

    def set_exception(self, error: BaseException) -> None:
        """What the thread raised."""
        assert self._coroutine is not None
        self._step(self._coroutine.throw, error)

    # ASGI

    async def receive(self) -> Message:
        """The whole body, once; then that the caller is gone, as far as anybody asks."""
        if self._handed_over is not None:
            return cast("Message", await self._handed_over.receive())
        if self._received or self.disconnected:
            return _DISCONNECTED
        self._received = True
        return {"type": "http.request", "body": bytes(self.body), "more_body": False}

    async def send(self, message: Message) -> None:
        """The answer's head is kept until its body is there."""
        if self._handed_over is not None:
            await self._handed_over.send(cast("Any", message))
        elif message["type"] == "http.response.start":
            self._head = self._head_of(message)
        elif not self.disconnected:
            self._head.append(message["body"])
            self.response_complete = True
            self._protocol.write_answer(b"".join(self._head), keep_alive=self.keep_alive)
            self._protocol.on_response_complete()

    def _head_of(self, message: Message) -> list[bytes]:
        parts = [STATUS_LINE[message["status"]]]
        for header in message["headers"]:
            line = _LINES.get(header)
            if line is None:
                name, value = header
                if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
                    raise ValueError(f"invalid HTTP header {name!r}: {value!r}")
                line = b"%b: %b\r\n" % header
            parts.append(line)
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return parts

    def _step(self, resume: Callable[[Any], Any], value: Any) -> None:
        try:
            awaited = resume(value)
        except StopIteration:
            return
        except BaseException as error:  # noqa: BLE001  the app has logged what it knows; the caller sees the end
            self._broken(error)
            return
        if awaited is None:
            self._hand_over()
        else:
            awaited.begin(self)

    def _hand_over(self) -> None:
        """The rest needs a task, and sends who knows what: that is for uvicorn."""
        protocol = self._protocol
        self._handed_over = cycle = RequestResponseCycle(
            scope=cast("Any", self.scope),
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=False,
            default_headers=protocol.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=self.keep_alive,
            on_response=protocol.on_response_complete,
        )
        cycle.more_body = False
        cycle.disconnected = self.disconnected
        newest: Any = protocol.cycle
        if newest is self:  # otherwise another request is being read already
            protocol.cycle = cycle
        protocol.begun(cycle)
        assert self._coroutine is not None
        task = protocol.loop.create_task(self._coroutine)
        protocol.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._protocol.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)
        elif self._handed_over is not None and not (self._handed_over.response_complete or self._handed_over.disconnected):
            self._protocol.transport.close()

    def _broken(self, error: BaseException) -> None:
        if not isinstance(error, BrokenOff):
            log.error("an answer broke off: %s", error)
        self._protocol.transport.close()
