"""ASGI messages in and out: the whole request from what arrives, an answer as what is sent."""

import itertools
import os
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from runtime_handler.codec import is_form
from runtime_handler.errors import BadPayload
from runtime_handler.request import Answer, Headers, Request

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")
Scope = Mapping[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-credentials", b"true"),
]
"""What Cortex's proxy added to every answer below 400."""

BODILESS = frozenset({204, 304})
"""Statuses whose answers end with their head (RFC 9110, section 6.4.1): what came after it would be taken for the next answer."""


ENDS = (SystemExit, KeyboardInterrupt)
"""What user code may raise to end a process, which one request must not; other exceptions beside Exception are Python's own."""


class NeedsLoop:
    """`await NeedsLoop()` in an app that is run without an event loop: what follows needs one."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def completed(loop: "asyncio.AbstractEventLoop", running: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine returns that runs on `loop` until its end, also when ENDS of other tasks stop the loop meanwhile.

    Raises what the coroutine does.
    """
    task = loop.create_task(running)
    while True:
        try:
            return loop.run_until_complete(task)
        except ENDS:
            if task.done():
                raise


class BrokenOff(Exception):
    """Part of an answer may be out and the rest is not to come; the log has said why."""


class Begun:
    """A `send` that is true once an answer has begun."""

    __slots__ = ("_begun", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def __call__(self, message: Message) -> None:
        """Send it on."""
        self._begun = True
        await self._send(message)

    def __bool__(self) -> bool:
        return self._begun


class Disconnected(Exception):
    """The caller hung up before the request was complete."""


def request_id(scope: Scope) -> str:
    """Lambda's id of the invocation, the caller's `x-request-id`, or a new one."""
    context = scope.get("aws.context")
    if context is not None:
        return str(context.aws_request_id)
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return str(value[:128].decode("latin-1"))
    return f"{_process_id()}-{next(_requests):x}"


_requests = itertools.count(1)


@cache
def _process_id() -> str:
    """Random; made with the first request, so that neither forks nor snapshots share it."""
    return os.urandom(6).hex()


async def read_request(scope: Scope, receive: Receive, identity: str, *, parse_forms: bool) -> Request:
    """The request with its whole body. Raises Disconnected, and BadPayload for a form that cannot be parsed."""
    headers = scope["headers"]
    content_type = ""
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1").lower()
            break
    if parse_forms and is_form(content_type):
        return Request(b"", content_type, headers, scope["query_string"], identity, await _read_form(scope, receive))
    return Request(await read_body(receive), content_type, headers, scope["query_string"], identity)


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises Disconnected."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _read_form(scope: Scope, receive: Receive) -> Any:
    import asyncio  # here, for only forms need it

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # a loop for the form alone: user code may run one of its own, on this very thread
        with closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(_parsed_form(scope, receive))
    return await _parsed_form(scope, receive)


async def _parsed_form(scope: Scope, receive: Receive) -> Any:
    from python_multipart.exceptions import FormParserError  # as above
    from starlette.formparsers import MultiPartException
    from starlette.requests import ClientDisconnect
    from starlette.requests import Request as StarletteRequest

    try:
        # Parts are limited by the request's size, not one by one, as when Cortex was young.
        return await StarletteRequest(scope, receive).form(max_part_size=1 << 30)  # type: ignore[arg-type]  # typed wider here
    except MultiPartException as error:
        raise BadPayload(f"the form cannot be parsed: {error.message}") from None
    except KeyError:
        raise BadPayload("the form cannot be parsed: its content type has no boundary") from None
    except (FormParserError, UnicodeDecodeError) as error:
        raise BadPayload(f"the form cannot be parsed: {error}") from None
    except ClientDisconnect:
        raise Disconnected from None


async def send_answer(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Send `answer`, with Cortex's CORS headers when it is no error."""
    if answer.response is not None:
        if scope["http_version"] == "1.0":
            send = _Whole(send)
        await answer.response(scope, receive, _adding(answer.headers, send))
        return
    body = answer.body
    if answer.status in BODILESS:
        body, headers = b"", [*answer.headers]
    else:
        headers = [(b"content-length", str(len(body)).encode()), *answer.headers]
        if answer.content_type is not None:
            headers.append((b"content-type", answer.content_type.encode()))
    if answer.status < 400:
        headers += CORS
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _adding(ours: Headers, send: Send) -> Send:
    """`send` that adds our headers to the response's start; those that the user's code set are kept."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            theirs = list(message.get("headers", []))
            names = {bytes(name).lower() for name, _ in theirs}
            added = [*ours, *(CORS if message["status"] < 400 else [])]
            message = {**message, "headers": theirs + [header for header in added if header[0] not in names]}
        await send(message)

    return send_with_headers


class _Whole:
    """`send` to a caller that knows no chunks (HTTP/1.0): what is streamed without a length goes out when all of it is there."""

    __slots__ = ("_body", "_send", "_start")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if any(name.lower() == b"content-length" for name, _ in message.get("headers", [])):
                await self._send(message)
            else:
                self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                length = (b"content-length", b"%d" % len(self._body))
                await self._send({**self._start, "headers": [*self._start.get("headers", []), length]})
                await self._send({"type": "http.response.body", "body": bytes(self._body)})
