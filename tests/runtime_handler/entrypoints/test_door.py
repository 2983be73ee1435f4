"""When a replica of several processes accepts connections."""

import contextlib
import os
import resource
import selectors
import socket
from collections.abc import Iterator

import pytest

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.dispatcher import Dispatcher
from runtime_handler.entrypoints.door import PAUSE_S, WARN_S, Door
from runtime_handler.entrypoints.farewell import Farewell
from runtime_handler.entrypoints.worker import Worker


class Replica:
    """A door and its dispatcher, without a worker, at second `now`."""

    def __init__(self, listener: socket.socket, selector: selectors.BaseSelector) -> None:
        self.now = 100.0
        self.address = listener.getsockname()
        self.selector = selector
        self.workers: dict[int, Worker] = {}
        self.dispatcher = Dispatcher(Board(workers=1, slots=8), self.workers, Farewell(selector))
        self.door = Door(listener, selector, self.dispatcher, clock=lambda: self.now)

    def turns(self, count: int = 1) -> int:
        """What the supervisor does again and again; how often it had something to do."""
        busy = 0
        for _ in range(count):
            self.dispatcher.retry()
            self.door.tick(self.now)
            events = self.selector.select(timeout=0)
            busy += bool(events)
            for key, _ in events:
                key.data()
        return busy


@pytest.fixture
def replica() -> Iterator[Replica]:
    with socket.create_server(("127.0.0.1", 0)) as listener, selectors.DefaultSelector() as selector:
        made = Replica(listener, selector)
        yield made
        made.dispatcher.close()


@contextlib.contextmanager
def callers(replica: Replica, count: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(replica.address, timeout=30))
        yield


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    next_file = os.dup(0)
    os.close(next_file)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_file, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_accepted_while_a_connection_waits_for_a_worker(replica: Replica) -> None:
    """The others wait in the socket, and the supervisor sleeps; when a worker comes, all of them are handed over."""
    with callers(replica, 3):
        assert replica.turns(10) == 1
        assert replica.dispatcher.waits
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            worker = replica.workers[1] = Worker(0, 1, ours)
            assert replica.turns(10) == 1
            assert not replica.dispatcher.waits
            assert len(worker.slots) == 3


def test_too_many_open_files_close_the_door_for_a_while(replica: Replica, caplog: pytest.LogCaptureFixture) -> None:
    """One look each second, a warning a minute, and everybody is let in when there is room again."""
    replica.turns()
    with callers(replica, 2):
        with no_more_files():
            assert replica.turns(10) == 1
            for _ in range(int(WARN_S / PAUSE_S) - 1):
                replica.now += PAUSE_S
                assert replica.turns(10) == 1
            assert len(caplog.records) == 1
            replica.now += PAUSE_S
            assert replica.turns(10) == 1
            assert len(caplog.records) == 2
            assert "Too many open files" in caplog.text
        assert replica.turns(10) == 0
        replica.now += PAUSE_S
        assert replica.turns(10) == 1
        assert replica.dispatcher.waits


def test_a_closed_door_leaves_nothing_behind(replica: Replica) -> None:
    """Whether it was open then or not."""
    replica.turns()
    replica.door.close()
    assert not replica.selector.get_map()
    replica.door.close()
