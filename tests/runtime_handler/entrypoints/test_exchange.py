"""Lambda events through an ASGI app, without an event loop where none is needed."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_handler.asgi import NeedsLoop
from runtime_handler.entrypoints.exchange import Adapter
from tests.runtime_handler.emulator import http_api_event

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def on_a_loop() -> bytes:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return b"no"
    return b"yes"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers whether it runs on a loop, in two parts; what to do in between is in the path."""
    body = (await receive())["body"]
    if scope["path"] == "/asks":
        await NeedsLoop()
        await asyncio.sleep(0)
    await send(START)
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if scope["path"] == "/breaks":
        raise OSError("the rest is lost")
    await send({"type": "http.response.body", "body": on_a_loop()})
    if scope["path"] == "/stays":
        assert (await receive())["type"] == "http.disconnect"


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    with contextlib.closing(Adapter(app)) as made:
        yield made
        asyncio.set_event_loop(None)


def ask(adapter: Adapter, path: str) -> tuple[int, str]:
    answer = adapter(http_api_event("POST", path, "", {"content-type": "application/json"}, b"1 "), None)
    return answer["statusCode"], answer["body"]


@pytest.mark.parametrize(
    ("path", "loop"),
    [("/", "no"), ("/asks", "yes"), ("/stays", "no")],
)
def test_a_loop_for_what_needs_one(adapter: Adapter, path: str, loop: str) -> None:
    """Apps that ask for a loop run on one, all others without; both see the caller go."""
    assert [ask(adapter, path) for _ in range(2)] == [(200, f"1 {loop}")] * 2


def test_an_answer_that_breaks_off(adapter: Adapter) -> None:
    """Half an answer is not sent, and the next request is served."""
    assert ask(adapter, "/breaks") == (500, "Internal Server Error")
    assert ask(adapter, "/") == (200, "1 no")
