"""How much is read of a caller who sends requests and takes no answers, on a loop whose time the test sets."""

from contextlib import closing

from tests.runtime_handler.entrypoints.stepped import App, Loop, connect

REQUEST = b"GET /-/ready HTTP/1.1\r\nhost: h\r\n\r\n"


def test_nothing_is_read_while_requests_wait_for_others() -> None:
    """Otherwise each answer would let in a packet of further requests, thousands of them, faster than they are answered."""
    with closing(Loop()) as loop:
        app = App()
        app.open.clear()
        protocol, transport = connect(loop, app)
        protocol.data_received(REQUEST * 3)
        loop.turn()
        assert (app.inside, transport.paused) == (1, True)
        app.open.set()
        read_at: list[int] = []
        transport.resumed = lambda: read_at.append(transport.written.count(b"HTTP/1.1 200"))
        loop.turn()
        assert transport.written.count(b"HTTP/1.1 200") == 3
        assert read_at[0] == 2
        assert not transport.paused


def test_the_last_of_them_is_read_to_its_end() -> None:
    """A body that has come in part is awaited when it is that request's turn."""
    with closing(Loop()) as loop:
        protocol, transport = connect(loop, App())
        protocol.data_received(REQUEST * 2 + b"POST /other HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n[")
        loop.turn()
        assert not transport.paused
        protocol.data_received(b"]")
        loop.turn()
        assert transport.written.count(b"HTTP/1.1 200") == 3
        assert transport.written.endswith(b"\r\n\r\n2")
