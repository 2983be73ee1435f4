"""One request on Lambda: Mangum translates the event and the answer, the app between them runs without an event loop.

An environment serves one request at a time and predicts directly, so the app hardly ever waits. Mangum's own way, with
a task, a queue and turns of the loop for each request, took a third of a warm invocation of a small model. What needs a
loop, forms and the response objects of user code, gets one.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, cast

from mangum import Mangum

from runtime_handler.asgi import Asgi, Message, NeedsLoop, Scope
from runtime_handler.codec import TEXT, is_form
from runtime_handler.entrypoints.invocation import DirectInvocation

log = logging.getLogger("cxpack")


class Adapter:
    """Calls an ASGI app with Lambda events of every HTTP front, and of none; `loop` becomes the thread's."""

    def __init__(self, app: Asgi, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop
        asyncio.set_event_loop(loop)  # Mangum and older user code look for the current one
        self._mangum = Mangum(cast("Any", app), lifespan="off", custom_handlers=[DirectInvocation])

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """The answer in the form that the event's front expects."""
        handler = self._mangum.infer(event, context)
        scope: Scope = handler.scope
        answered = _Exchange(handler.body)
        running = cast("Coroutine[Any, Any, None]", self._app(scope, answered.receive, answered.send))
        try:
            if _has_form(scope) or not _ends(running):
                self._loop.run_until_complete(running)
        except Exception:  # the boundary of an invocation: the next one must find the environment alive
            log.exception("an answer broke off")
            answered.fail()
        return handler({"status": answered.status, "headers": cast("Any", answered.headers), "body": answered.body})


def _ends(running: Coroutine[Any, Any, None]) -> bool:
    """Run until the end, or until it needs a loop."""
    try:
        running.send(None)
    except StopIteration:
        return True
    return False


def _has_form(scope: Scope) -> bool:
    return any(name == b"content-type" and is_form(value.decode("latin-1").lower()) for name, value in scope["headers"])


class _Exchange:
    """What the app receives and sends; the caller is gone once the whole answer is there."""

    __slots__ = ("_answered", "_asked", "body", "headers", "status")

    def __init__(self, body: bytes) -> None:
        self._asked: bytes | None = body
        self._answered = asyncio.Event()
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def receive(self) -> Message:
        if self._asked is None:
            await NeedsLoop()
            await self._answered.wait()
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
                self._answered.set()

    def fail(self) -> None:
        """An answer of which nobody knows what is missing is none."""
        self.status, self.headers, self.body = 500, [(b"content-type", TEXT.encode())], b"Internal Server Error"
