"""One request on Lambda: the event and the answer are translated, the app between them runs without an event loop.

An environment serves one request at a time and predicts directly, so the app hardly ever waits. Mangum's own way, with
a task, a queue and turns of the loop for each request, took a third of a warm invocation of a small model; it translates
the events that we do not. What needs a loop, the response objects of user code, gets one. Neither asyncio nor Mangum is
imported before something needs it: together they took longer than the rest of a start.
"""

import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from runtime_handler.asgi import ENDS, Asgi, BrokenOff, Message, NeedsLoop, completed
from runtime_handler.codec import TEXT
from runtime_handler.entrypoints.http_api_event import HttpApiEvent
from runtime_handler.entrypoints.invocation import DirectInvocation

if TYPE_CHECKING:
    import asyncio

    from mangum import Mangum

HANDLERS = (DirectInvocation, HttpApiEvent)
"""What translates which events; Mangum those of no other."""

log = logging.getLogger("cxpack")


class Adapter:
    """Calls an ASGI app with Lambda events of every HTTP front, and of none."""

    def __init__(self, app: Asgi) -> None:
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mangum: Mangum | None = None

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """The answer in the form that the event's front expects."""
        handler = self._handler(event, context)
        answered = _Exchange(handler.body)
        running = cast("Coroutine[Any, Any, None]", self._app(handler.scope, answered.receive, answered.send))
        try:
            if not _ends(running):
                completed(self.loop(), running)
        except (Exception, *ENDS) as error:  # the boundary of an invocation: the next one must find the environment alive
            if not isinstance(error, BrokenOff):
                log.exception("an answer broke off")
            answered.fail()
        headers = answered.headers
        if not isinstance(handler, HANDLERS):  # HTTP's headers are Latin-1, and Mangum takes them for UTF-8
            headers = [(name, value.decode("latin-1").encode()) for name, value in headers]
        response: dict[str, Any] = handler({"status": answered.status, "headers": headers, "body": answered.body})
        return response

    def loop(self) -> "asyncio.AbstractEventLoop":
        """The thread's event loop, made when it is first asked for; Mangum and older user code look for a current one."""
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop

    def close(self) -> None:
        """Close the loop, if there is one."""
        if self._loop is not None:
            self._loop.close()

    def _handler(self, event: dict[str, Any], context: Any) -> Any:
        for handler in HANDLERS:
            if handler.infer(event, context, None):
                return handler(event, context, None)
        if self._mangum is None:
            self.loop()
            from mangum import Mangum

            self._mangum = Mangum(cast("Any", self._app), lifespan="off")
        try:
            return self._mangum.infer(event, context)
        except RuntimeError:  # a context, and none that an HTTP front gives
            return DirectInvocation(event, context, None)


def _ends(running: Coroutine[Any, Any, None]) -> bool:
    """Run until the end, or until it needs a loop."""
    try:
        running.send(None)
    except StopIteration:
        return True
    return False


class _Exchange:
    """What the app receives and sends; the caller is gone once the whole answer is there."""

    __slots__ = ("_asked", "_complete", "_heard", "body", "headers", "status")

    def __init__(self, body: bytes) -> None:
        self._asked: bytes | None = body
        self._complete = False
        self._heard: asyncio.Event | None = None
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def receive(self) -> Message:
        if self._asked is None:
            if not self._complete:
                await self._completed()
            return {"type": "http.disconnect"}
        body, self._asked = self._asked, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                self._complete = True
                if self._heard is not None:
                    self._heard.set()

    async def _completed(self) -> None:
        await NeedsLoop()
        import asyncio  # loaded by now, with the loop

        self._heard = self._heard or asyncio.Event()
        await self._heard.wait()

    def fail(self) -> None:
        """An answer of which nobody knows what is missing is none."""
        self.status, self.headers, self.body = 500, [(b"content-type", TEXT.encode())], b"Internal Server Error"
