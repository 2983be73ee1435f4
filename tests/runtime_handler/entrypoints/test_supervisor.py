"""A replica of several processes: one address, one limit, and workers that may die."""

import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runtime_handler.entrypoints.worker import STUCK_S
from tests.runtime_handler.entrypoints.test_server_process import WAITS, statuses, wait_until
from tests.runtime_handler.harness import ECHO, Server, a_spec, run_to_exit, serving, write_context

WHO = """
import os

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        return {"pid": os.getpid(), "payload": payload}
"""


def two(files: dict[str, str], folder: Path, **changes: object) -> Path:
    return write_context(folder, files, a_spec(processes_per_replica=2, threads_per_process=2), **changes)


def workers_of(server: Server) -> set[int]:
    """The processes that answer, asked on connections that are open together."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=server.url, trust_env=False)) for _ in range(4)]
        return {client.post("/iris", json=0).json()["pid"] for client in clients}


def test_all_processes_answer_on_one_address(tmp_path: Path) -> None:
    """Neither of them is the parent, and SIGTERM ends all of them with code 0."""
    with serving(two({"predictor.py": WHO}, tmp_path)) as server:
        workers = workers_of(server)
        assert len(workers) == 2
        assert server.process.pid not in workers
        assert server.stop() == 0
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_dead_worker_costs_its_own_requests_only(tmp_path: Path) -> None:
    """Its request gets 503, its idle connections live on in another process, and a new worker takes its place."""
    context = two({"predictor.py": WAITS}, tmp_path)
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        idle = [httpx.Client(base_url=server.url, timeout=60, trust_env=False) for _ in range(8)]
        assert {client.post("/iris", json=0).status_code for client in idle} == {200}
        waiting = pool.submit(httpx.post, server.url + "/iris", json="go", timeout=60, trust_env=False)
        wait_until(context / "project/go.waiting")
        for pid in children(server.process.pid):
            os.kill(pid, signal.SIGKILL)
            break
        for _ in range(3):
            assert {client.post("/iris", json=0).status_code for client in idle} == {200}
        (context / "project/go").touch()
        answer = waiting.result()
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["kind"]) == (503, "worker_ended")
            assert answer.headers["retry-after"] == "1"
        wait_until_there_are(server, 2)
        for client in idle:
            client.close()


def test_the_request_of_a_killed_worker_is_refused(tmp_path: Path) -> None:
    """With every worker killed, the waiting request is told to try again and counted, and the replica comes back."""
    context = two({"predictor.py": WAITS}, tmp_path)
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(httpx.post, server.url + "/iris", json="go", timeout=60, trust_env=False)
        wait_until(context / "project/go.waiting")
        for pid in children(server.process.pid):
            os.kill(pid, signal.SIGKILL)
        answer = waiting.result()
        assert (answer.status_code, answer.json()["kind"]) == (503, "worker_ended")
        wait_until_there_are(server, 2)
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            assert [client.post("/iris", json=0).status_code for _ in range(20)][-1] in (200, 503)
            server.wait_for("/-/ready", 200)
        server.stop()
        assert statuses(server)["5XX"] == 1


def test_a_broken_answer_is_never_completed_by_somebody_else(tmp_path: Path) -> None:
    """A stream whose worker dies ends early; no 503 is written into its middle."""
    predictor = """
import os
from starlette.responses import StreamingResponse

def parts():
    yield b"first"
    os.kill(os.getpid(), 9)

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        return StreamingResponse(parts())
"""
    with serving(two({"predictor.py": predictor}, tmp_path)) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"POST /iris HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        assert b"503" not in received
        assert not received.endswith(b"0\r\n\r\n")


def test_the_rest_of_a_request_is_no_request(tmp_path: Path) -> None:
    """It was answered before its end, and its worker died: what its body holds is asked of nobody else."""
    with serving(two({"predictor.py": WHO}, tmp_path)) as server:
        within = b"POST /iris HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1"
        head = f"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: {1 + len(within)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(head.encode() + b"x")
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 404")
            for pid in children(server.process.pid):
                os.kill(pid, signal.SIGKILL)
            wait_for_line(server, "another takes its place")
            with contextlib.suppress(ConnectionError):
                connection.sendall(within)
                while chunk := connection.recv(65536):
                    received += chunk
        assert received.count(b"HTTP/1.1") == 1
        server.wait_for("/-/ready", 200)


def test_the_limit_holds_for_all_processes_together(tmp_path: Path) -> None:
    """max_replica_concurrency: 2 means two requests in the replica, wherever they run."""
    context = two({"predictor.py": WAITS}, tmp_path, max_replica_concurrency=2)
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        running = []
        for name in ("first", "second"):
            running.append(pool.submit(httpx.post, server.url + "/iris", json=name, timeout=60, trust_env=False))
            wait_until(context / f"project/{name}.waiting")
        refused = [httpx.post(server.url + "/iris", json="third", trust_env=False) for _ in range(4)]
        assert {(response.status_code, response.json()["kind"]) for response in refused} == {(503, "overloaded")}
        for name in ("first", "second"):
            (context / f"project/{name}").touch()
        assert [future.result().status_code for future in running] == [200, 200]


def test_a_predictor_that_cannot_start_ends_the_replica(tmp_path: Path) -> None:
    """Exit code 1 and the user's traceback, as with one process; nobody restarts it for ever."""
    broken = ECHO.replace("self.config = config", "raise RuntimeError('no weights')")
    ended = run_to_exit(two({"predictor.py": broken}, tmp_path))
    assert ended.returncode == 1
    messages = [json.loads(line)["message"] for line in ended.stderr.splitlines() if '"error"' in line]
    assert any("no weights" in message for message in messages)


def with_files(most: int) -> tuple[str, ...]:
    """A launcher of servers that have no more open files."""
    return ("sh", "-c", f'ulimit -n {most} && exec "$@"', "sh")


@contextlib.contextmanager
def filled(server: Server) -> Iterator[None]:
    """Callers on all the connections that a server `with_files(64)` can have, and on some that wait."""
    with contextlib.ExitStack() as stack:
        for _ in range(90):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        wait_for_line(server, "could not be accepted")
        yield


def test_a_replica_without_room_for_its_processes_says_so(tmp_path: Path) -> None:
    """Exit code 1 and a sentence, for the platform to try elsewhere."""
    spec = a_spec(processes_per_replica=16)
    ended = run_to_exit(write_context(tmp_path, {"predictor.py": WHO}, spec), launcher=with_files(40))
    assert ended.returncode == 1
    assert "the 16 processes of this replica could not be started" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_replica_at_its_limit_of_open_files_goes_on_when_callers_leave(tmp_path: Path) -> None:
    """It says so now and then, and not each time it could look; those who wait are answered when there is room."""
    with serving(two({"predictor.py": WHO}, tmp_path), launcher=with_files(64)) as server:
        with filled(server):
            last = httpx.Client(base_url=server.url, timeout=30, trust_env=False)
            with last, pytest.raises(httpx.ReadTimeout):
                last.get("/ping", timeout=0.5)
        assert httpx.get(server.url + "/ping", timeout=30, trust_env=False).status_code == 200
        assert len(workers_of(server)) == 2
        assert server.stop() == 0
        assert server.stderr.count("could not be accepted") == 1


LEAKS = """
import os

class PythonPredictor:
    def __init__(self, config):
        self.files = []

    def predict(self, payload):
        while payload == "leak":
            try:
                self.files.append(os.open("/dev/null", 0))
            except OSError:
                break
        while payload == "mend" and self.files:
            os.close(self.files.pop())
        return {"pid": os.getpid()}
"""


def test_a_worker_with_too_many_open_files_leaves_new_connections_to_others(tmp_path: Path) -> None:
    """Its callers are answered by another process, or told to come again when there is none; afterwards all is as before."""
    with serving(two({"predictor.py": LEAKS}, tmp_path), launcher=with_files(256)) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=server.url, timeout=10, trust_env=False)) for _ in range(8)]
        lines = {client.post("/iris", json=0).json()["pid"]: client for client in clients}
        assert len(lines) == 2
        (full, leaking), (other, line) = lines.items()
        leaking.post("/iris", json="leak")
        asked = [httpx.post(server.url + "/iris", json=0, timeout=10, trust_env=False) for _ in range(8)]
        assert {(answer.status_code, answer.json()["pid"]) for answer in asked} == {(200, other)}
        line.post("/iris", json="leak")
        refused = httpx.post(server.url + "/iris", json=0, timeout=10, trust_env=False)
        assert (refused.status_code, refused.json()["kind"], refused.headers["retry-after"]) == (503, "overloaded", "1")
        assert {leaking.post("/iris", json="mend").json()["pid"], line.post("/iris", json="mend").json()["pid"]} == {full, other}
        assert httpx.post(server.url + "/iris", json=0, timeout=10, trust_env=False).status_code == 200
        assert server.stop() == 0
        assert "Traceback" not in server.stderr


def test_a_worker_that_cannot_be_replaced_at_once_is_replaced_later(tmp_path: Path) -> None:
    """A system without room for a new process costs the replica that process, for as long as it lasts, and not the replica."""
    with serving(two({"predictor.py": WHO}, tmp_path), launcher=with_files(64)) as server:
        with filled(server):
            os.kill(children(server.process.pid)[0], signal.SIGKILL)
            wait_for_line(server, "could not be started again")
        pause = threading.Event()
        for _ in range(1000):
            if len(workers_of(server)) == 2:
                break
            pause.wait(0.01)
        else:
            raise AssertionError("the dead worker was not replaced")
        assert server.stop() == 0


def test_a_worker_that_stands_still_gets_no_connection_while_others_do_not(tmp_path: Path) -> None:
    """It has nothing in flight, and they have: the callers that come are theirs nevertheless."""
    spec = a_spec(processes_per_replica=3, threads_per_process=2)
    context = write_context(tmp_path, {"predictor.py": WAITS}, spec)
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool, contextlib.ExitStack() as stack:
        stopped = children(server.process.pid)[0]
        os.kill(stopped, signal.SIGSTOP)
        stack.callback(os.kill, stopped, signal.SIGCONT)
        for _ in range(3):  # one of them shows that it stands still
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        pause = threading.Event()
        pause.wait(3 * STUCK_S)
        busy = []
        for name in ("first", "second"):
            busy.append(pool.submit(httpx.post, server.url + "/iris", json=name, timeout=60, trust_env=False))
            wait_until(context / f"project/{name}.waiting")
        asked = [pool.submit(httpx.post, server.url + "/iris", json=0, timeout=10, trust_env=False) for _ in range(20)]
        assert [each.result().status_code for each in asked] == [200] * 20
        for name in ("first", "second"):
            (context / f"project/{name}").touch()
        assert [each.result().status_code for each in busy] == [200, 200]


def wait_for_line(server: Server, part: str) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if part in server.stderr:
            return
        pause.wait(0.01)
    raise AssertionError(f"nothing says {part!r}:\n{server.stderr}")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_there_are(server: Server, count: int) -> None:
    for _ in range(1000):
        if len(children(server.process.pid)) == count:
            return
        server.client.get("/-/healthy")
    raise AssertionError("the dead workers were not replaced")
