"""How a caller whose worker died is sent away."""

import contextlib
import selectors
import socket
from collections.abc import Iterator

import pytest

from runtime_handler.entrypoints.farewell import MOST_PATIENCE_S, PATIENCE_S, Farewell
from runtime_handler.entrypoints.last_words import WORKER_ENDED
from tests.runtime_handler.models.fakes import Clock


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A caller, and its connection as the supervisor has it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as caller:
        connection, _ = listener.accept()
        caller.settimeout(30)
        with connection:
            yield caller, connection


def test_who_still_sends_may_finish(pair: tuple[socket.socket, socket.socket]) -> None:
    """A caller that reads nothing before its large body is out finds the 503, as long as something comes now and then."""
    caller, connection = pair
    clock, selector = Clock(), selectors.DefaultSelector()
    with contextlib.closing(selector):
        farewell = Farewell(selector, clock)
        caller.sendall(b"POST / HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n")
        farewell.refuse(connection)
        for _ in range(5):
            caller.sendall(b"x" * 50_000)
            for key, _ in selector.select(30):
                key.data()
            clock.sleep(PATIENCE_S * 0.9)
            farewell.tick(clock())
            assert connection.fileno() >= 0
        while selector.select(0):
            for key, _ in selector.select(0):
                key.data()
        clock.sleep(PATIENCE_S)
        farewell.tick(clock())
        assert connection.fileno() < 0
    assert caller.recv(10_000) == WORKER_ENDED


def test_a_caller_whose_network_is_gone_harms_nobody_else(pair: tuple[socket.socket, socket.socket]) -> None:
    """What the kernel says of it is the end of its connection, and not of who reads from it."""
    caller, connection = pair
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:  # until the caller's window is closed, so that nothing more can be delivered
            connection.send(b"x" * 1000)
    caller.recv(60_000)
    selector = selectors.DefaultSelector()
    with contextlib.closing(selector):
        Farewell(selector).refuse(connection)
        [(key, _)] = selector.select(30)
        key.data()
        assert connection.fileno() < 0
        assert not selector.get_map()


def test_patience_has_an_end(pair: tuple[socket.socket, socket.socket]) -> None:
    """Who never stops sending is cut off after a minute."""
    caller, connection = pair
    clock, selector = Clock(), selectors.DefaultSelector()
    with contextlib.closing(selector):
        farewell = Farewell(selector, clock)
        farewell.refuse(connection)
        rounds = 0
        while connection.fileno() >= 0:
            rounds += 1
            caller.sendall(b"x")
            for key, _ in selector.select(30):
                key.data()
            clock.sleep(1)
            farewell.tick(clock())
    assert rounds == MOST_PATIENCE_S
