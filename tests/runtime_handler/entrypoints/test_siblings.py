"""The status of a replica of several processes, whichever of them is asked."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime_handler.contract import ModelPath, ModelsSpec
from runtime_handler.entrypoints import siblings
from runtime_handler.entrypoints.board import Board
from runtime_handler.metrics.recorder import NullRecorder
from runtime_handler.service import Service
from tests.runtime_handler.entrypoints.test_server_process import wait_until
from tests.runtime_handler.entrypoints.test_supervisor import children
from tests.runtime_handler.harness import Server, a_spec, serving, write_context

PROCESSES = 3

PREDICTOR = """
import os

def first(name):
    # Whether this is the process that came first.
    try:
        with open(name, "x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        with open(name) as file:
            return file.read() == str(os.getpid())
    return True

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        with open(os.path.join(model_path, "model")) as file:
            version = file.read()
        if version == "2" and first("unlucky"):
            raise RuntimeError("no luck")
        return version

    def predict(self, payload):
        self.client.get_model(model_version=payload)
"""

SLOW = """
import pathlib, time

class PythonPredictor:
    def __init__(self, config):
        try:
            pathlib.Path("quick").touch(exist_ok=False)
            return
        except FileExistsError:
            pathlib.Path("slow").touch()
        deadline = time.monotonic() + 30
        while not pathlib.Path("go").exists() and time.monotonic() < deadline:
            time.sleep(0.005)

    def predict(self, payload):
        return payload
"""


@contextlib.contextmanager
def replica(folder: Path) -> Iterator[Server]:
    """Three processes with versions 1 and 2 of a model, of which one process can never load the second."""
    for version in ("1", "2"):
        (folder / "models" / version).mkdir(parents=True)
        (folder / "models" / version / "model").write_text(version)
    models = ModelsSpec(paths=(ModelPath(name="_cortex_default", path=str(folder / "models")),))
    spec = a_spec(processes_per_replica=PROCESSES, models=models)
    context = write_context(folder / "context", {"predictor.py": PREDICTOR}, spec)
    with serving(context, CXPACK_MODEL_STORE=str(folder / "store"), CXPACK_SETTLE_SECONDS="0") as server:
        yield server


@contextlib.contextmanager
def lines_to(server: Server, count: int = 2 * PROCESSES) -> Iterator[dict[int, httpx.Client]]:
    """A connection that stays open to each process that gets connections, by the process's id."""
    with contextlib.ExitStack() as stack:
        found = {}
        for _ in range(count):
            client = stack.enter_context(httpx.Client(base_url=server.url, trust_env=False, timeout=30))
            found[status(client)["process"]] = client
        yield found


def status(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/-/status")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def status_when(client: httpx.Client, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first status of which that is true."""
    pause = threading.Event()
    for _ in range(3000):
        if holds(told := status(client)):
            return told
        pause.wait(0.01)
    raise AssertionError(f"it is still {told}")


def all_answered(told: dict[str, Any]) -> bool:
    return bool(told["answered"] == told["processes"])


def test_what_one_process_knows_all_of_them_tell(tmp_path: Path) -> None:
    """A version that failed in one, and the last use of one that was used in another, whoever of the three is asked."""
    with replica(tmp_path) as server, lines_to(server) as lines:
        assert len(lines) == PROCESSES
        user = next(iter(lines.values()))
        before = status(user)["models"]
        assert user.post("/iris", json="1").status_code == 200
        told = [status_when(client, all_answered) for client in lines.values()]
        unlucky = int((tmp_path / "context/project/unlucky").read_text())
    assert unlucky in lines
    assert [each.pop("process") for each in told] == list(lines)
    assert told == told[:1] * PROCESSES
    assert told[0]["processes"] == PROCESSES
    first, second = told[0]["models"]
    assert first["last_access"] > (before[0]["last_access"] or 0)
    assert (first["state"], first["error"], first["memory"]) == ("ready", None, True)
    assert (second["state"], second["memory"]) == ("failed", True)
    assert "no luck" in second["error"]
    assert second["next_retry"] is not None
    assert told[0]["cache"]["memory"]["used"] == 2 * PROCESSES - 1


def test_who_takes_a_dead_ones_place_is_heard(tmp_path: Path) -> None:
    """Meanwhile the others speak for themselves."""
    with replica(tmp_path) as server, lines_to(server) as lines:
        (asked, client), (victim, _), _ = lines.items()
        os.kill(victim, signal.SIGKILL)
        heard = set()

        def replaced(told: dict[str, Any]) -> bool:
            heard.add(told["answered"])
            return victim not in children(server.process.pid) and all_answered(told)

        assert status_when(client, replaced)["process"] == asked
        with lines_to(server) as now:
            assert len(now.keys() - lines.keys()) == 1
            assert all(status_when(each, all_answered) for each in now.values())
    assert heard <= {PROCESSES - 1, PROCESSES}


def test_who_is_stuck_is_not_waited_for(tmp_path: Path) -> None:
    """The status comes without it and leaves no descriptor open, and later it is heard again."""
    with replica(tmp_path) as server, lines_to(server) as lines:
        (asked, client), (stuck, _), _ = lines.items()
        os.kill(stuck, signal.SIGSTOP)
        try:
            open_before = None
            for _ in range(3):
                told = status_when(client, lambda told: bool(told["answered"] == PROCESSES - 1))
                assert (told["processes"], told["ready"]) == (PROCESSES, True)
                open_before = open_before or open_files(asked)
            assert open_files(asked) == open_before
        finally:
            os.kill(stuck, signal.SIGCONT)
        status_when(client, all_answered)


def test_who_starts_is_not_counted(tmp_path: Path) -> None:
    """A process that constructs its predictor has nothing to tell yet; when it has, it is heard."""
    context = write_context(tmp_path, {"predictor.py": SLOW}, a_spec(processes_per_replica=2))
    with serving(context, ready=False) as server:
        wait_until(context / "project/slow")
        told = status_when(server.client, lambda told: bool(told["ready"]))
        assert (told["answered"], told["processes"]) == (1, 2)
        (context / "project/go").touch()
        server.wait_for("/-/ready", 200)
        status_when(server.client, all_answered)


SOCKET_BYTES = 2 << 20
"""More than the buffers of a pair of sockets hold."""

Two = tuple[siblings.Siblings, Sequence[siblings.Mailbox]]


@pytest.fixture
def two_of_a_replica(tmp_path: Path) -> Iterator[Two]:
    """The first of two processes that are ready, and the mailboxes of both."""
    service = Service(a_spec(processes_per_replica=2), tmp_path, lambda *_: NotImplemented, NullRecorder())
    service.ready = True
    board, mailboxes = Board(workers=2, slots=1), siblings.make_mailboxes(2)
    board.set_tells(1)
    yield siblings.Siblings(board, 0, mailboxes, service), mailboxes
    for end in (*mailboxes[0], *mailboxes[1]):
        end.close()


def hangs_up(asker: socket.socket) -> int:
    asker.close()
    return 0


def dies_halfway(asker: socket.socket) -> int:
    said = asker.send(b'{"api": "iris", "models": [{"na')
    asker.close()
    return said


def says_nothing(asker: socket.socket) -> int:
    return 0


def never_ends(asker: socket.socket) -> int:
    said = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while True:
            said += asker.send(b" " * siblings.CHUNK_BYTES)
    return said


@pytest.mark.parametrize("answer", [hangs_up, dies_halfway, says_nothing, never_ends])
def test_an_answer_that_is_none_is_done_without(
    two_of_a_replica: Two, monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket], int]
) -> None:
    """The status comes without it, reads no more than it would believe, and leaves no descriptor open; the loop goes on."""
    monkeypatch.setattr(siblings, "PATIENCE_S", 0.5)
    monkeypatch.setattr(siblings, "MOST_BYTES", 4 * siblings.CHUNK_BYTES)
    one, mailboxes = two_of_a_replica
    askers: list[socket.socket] = []

    def be_the_other() -> int:
        _, [descriptor], _, _ = socket.recv_fds(mailboxes[1][0], 1, 1)
        askers.append(socket.socket(fileno=descriptor))
        askers[0].settimeout(30)
        return answer(askers[0])

    async def ask() -> tuple[dict[str, Any], int, int]:
        asking = asyncio.create_task(one.status())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        other = asyncio.get_running_loop().run_in_executor(None, be_the_other)
        turns = 0
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        return await asking, turns, await other

    before = open_files()
    told, turns, said = asyncio.run(ask())
    for asker in askers:
        asker.close()
    assert (told["answered"], told["ready"]) == (1, True)
    assert turns > 1
    assert said < 4 * siblings.CHUNK_BYTES + SOCKET_BYTES
    assert open_files() == before


def test_a_mailbox_that_is_full_is_passed_over(two_of_a_replica: Two) -> None:
    """A process that has read nothing for long is not waited for."""
    one, mailboxes = two_of_a_replica
    with contextlib.suppress(BlockingIOError):
        while True:
            mailboxes[1][1].send(b"?")
    before = open_files()
    assert asyncio.run(one.status())["answered"] == 1
    assert open_files() == before


def test_who_is_dead_or_starts_is_not_asked(two_of_a_replica: Two) -> None:
    """Nothing is put into the mailbox of one that would not look there soon."""
    one, mailboxes = two_of_a_replica
    one._board.clear(1)
    assert asyncio.run(one.status())["answered"] == 1
    with pytest.raises(BlockingIOError):
        mailboxes[1][0].recv(1)


def test_a_question_of_who_waits_no_longer_is_no_matter(two_of_a_replica: Two, caplog: pytest.LogCaptureFixture) -> None:
    """Who takes a dead one's place reads what that one was asked, and answers whoever asks now."""
    one, mailboxes = two_of_a_replica
    for _ in range(5):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(mailboxes[0][1], [b"?"], [theirs.fileno()])

    async def ask() -> bytes:
        one.begin()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(mailboxes[0][1], [b"?"], [theirs.fileno()])
            ours.setblocking(False)
            said = await asyncio.get_running_loop().sock_recv(ours, 1 << 16)
            assert await asyncio.get_running_loop().sock_recv(ours, 1) == b""
            return said

    assert json.loads(asyncio.run(asyncio.wait_for(ask(), 30)))["ready"] is True
    gc.collect()  # a task whose exception nobody looked at says so when it goes
    assert not caplog.records


def open_files(process: int | None = None) -> int:
    return len(list(Path(f"/proc/{process or 'self'}/fd").iterdir()))
