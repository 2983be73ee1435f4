"""Callers that begin a request and send no more of it, on a loop whose time the test sets."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from runtime_handler.asgi import Disconnected, NeedsLoop, Receive, Scope, Send, read_body
from runtime_handler.entrypoints.direct import DirectProtocol
from runtime_handler.entrypoints.last_words import SILENCE_S, SILENT

HEAD = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-length: 2000000\r\n\r\n"
SMALL_HEAD = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n"


class Loop(asyncio.SelectorEventLoop):
    """A loop at `now` seconds."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def turn(self) -> None:
        """Run what is due, and what that makes due."""
        for _ in range(5):
            self.call_soon(self.stop)
            self.run_forever()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.turn()


class Transport:
    """A connection: what was written to it, and whether it is closed or not listened to."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self.protocol = loop, None
        self.written = b""
        self.closed = self.paused = False

    def get_extra_info(self, name: str) -> None: ...

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self.protocol.connection_lost, None)  # type: ignore[attr-defined]

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class App:
    """Answers with the length of the body, when `open` is set; counts the requests that are in it."""

    def __init__(self) -> None:
        self.inside = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        try:
            if scope["path"] != "/early":
                body = await read_body(receive)
                await NeedsLoop()
                await self.open.wait()
            else:
                body = b""
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            await send({"type": "http.response.body", "body": str(len(body)).encode()[:1]})
        except Disconnected:
            pass
        finally:
            self.inside -= 1

    predict = __call__


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def connect(loop: Loop, app: App) -> tuple[DirectProtocol, Transport]:
    """A connection to `app`, on the direct path where that can be."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_keep_alive=1000)  # type: ignore[arg-type]
    config.load()
    transport: Any = Transport(loop)
    kind = DirectProtocol.of(app, frozenset([b"/iris"]))  # type: ignore[arg-type]
    transport.protocol = protocol = kind(config, ServerState(), {}, loop)
    protocol.connection_made(transport)
    return protocol, transport


@pytest.mark.parametrize("sent", [HEAD[:20], HEAD, HEAD + b"abc", SMALL_HEAD + b"a"])
def test_silence_within_a_request_ends_it(loop: Loop, sent: bytes) -> None:
    """The caller is told, the connection closed, and the request's place is free; wherever in the request it falls silent."""
    app = App()
    protocol, transport = connect(loop, app)
    protocol.data_received(sent)
    loop.wait(SILENCE_S - 1)
    assert (transport.written, transport.closed) == (b"", False)
    loop.wait(1)
    assert (transport.written, transport.closed) == (SILENT, True)
    loop.turn()
    assert app.inside == 0


def test_who_sends_slowly_may(loop: Loop) -> None:
    """Any byte renews the patience; a connection on which no request is begun is none of its business."""
    app = App()
    protocol, transport = connect(loop, app)
    for byte in SMALL_HEAD.replace(b"content-length: 2", b"transfer-encoding: chunked") + b"1\r\na\r\n0\r\n\r\n":
        protocol.data_received(bytes([byte]))
        loop.wait(SILENCE_S - 1)
    assert transport.written.endswith(b"\r\n\r\n1")
    loop.wait(2 * SILENCE_S)
    assert not transport.closed


def test_a_request_that_is_all_there_may_take_long(loop: Loop) -> None:
    """Silence is the caller's part then; also of one behind it, whose first half came along and which is not read meanwhile."""
    app = App()
    app.open.clear()
    protocol, transport = connect(loop, app)
    protocol.data_received(SMALL_HEAD + b"[]" + HEAD + b"abc")
    assert transport.paused
    loop.wait(10 * SILENCE_S)
    assert (transport.written, transport.closed, app.inside) == (b"", False, 1)
    app.open.set()
    loop.turn()
    assert transport.written.endswith(b"\r\n\r\n2")
    loop.wait(SILENCE_S - 1)
    assert not transport.closed
    loop.wait(SILENCE_S)
    assert transport.written.endswith(b"\r\n\r\n2" + SILENT)
    assert transport.closed


def test_half_a_head_behind_a_request_is_told_after_its_answer(loop: Loop) -> None:
    """The answers keep their order."""
    app = App()
    app.open.clear()
    protocol, transport = connect(loop, app)
    protocol.data_received(SMALL_HEAD + b"[]" + HEAD[:20])
    loop.wait(SILENCE_S)
    loop.wait(SILENCE_S)
    assert transport.written == b""
    app.open.set()
    loop.turn()
    assert transport.written.endswith(b"\r\n\r\n2" + SILENT)
    assert transport.closed


def test_who_was_answered_before_all_was_sent_is_told_nothing_more(loop: Loop) -> None:
    """As callers that were not let in are: a second answer would be taken for that of their next request."""
    protocol, transport = connect(loop, App())
    protocol.data_received(HEAD.replace(b"/iris", b"/early"))
    loop.turn()
    assert transport.written.endswith(b"\r\n\r\n0")
    answered = transport.written
    loop.wait(SILENCE_S)
    assert (transport.written, transport.closed) == (answered, True)
