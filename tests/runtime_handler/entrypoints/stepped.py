"""A connection to the server's protocol on a loop whose time the test sets: no socket, no waiting."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from runtime_handler.asgi import Disconnected, NeedsLoop, Receive, Scope, Send, read_body
from runtime_handler.entrypoints.direct import DirectProtocol


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
        self.resumed: Callable[[], object] = lambda: None
        """Called when it is listened to again."""

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
        self.resumed()


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


def connect(loop: Loop, app: App) -> tuple[DirectProtocol, Transport]:
    """A connection to `app`, on the direct path where that can be."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_keep_alive=1000)  # type: ignore[arg-type]
    config.load()
    transport: Any = Transport(loop)
    kind = DirectProtocol.of(app, frozenset([b"/iris"]))  # type: ignore[arg-type]
    transport.protocol = protocol = kind(config, ServerState(), {}, loop)
    protocol.connection_made(transport)
    return protocol, transport
