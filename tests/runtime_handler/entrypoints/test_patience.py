"""Callers that begin a request and send no more of it, on a loop whose time the test sets."""

from collections.abc import Iterator

import pytest

from runtime_handler.entrypoints.last_words import SILENCE_S, SILENT
from tests.runtime_handler.entrypoints.stepped import App, Loop, connect

HEAD = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-length: 2000000\r\n\r\n"
SMALL_HEAD = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n"


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


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
