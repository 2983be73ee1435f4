"""Lambda's runtime API with SnapStart, which the emulator lacks, around `python -m runtime_handler`."""

import base64
import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.runtime_handler.harness import START_S, clean_environment

PREFIX = "/2018-06-01/runtime/"


class RuntimeApi(ThreadingHTTPServer):
    """What the function's process talks to; tests use the three methods in this order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.answers: queue.Queue[Any] = queue.Queue()
        self.snapshot, self.restored = threading.Event(), threading.Event()
        self._invocations = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that was killed while it waited."""

    def wait_for_the_snapshot(self) -> None:
        """Until the function has done everything that comes before; from then on it waits for `restore`."""
        assert self.snapshot.wait(START_S)

    def restore(self) -> None:
        """Let the function go on."""
        self.restored.set()

    def invoke(self, event: Any) -> Any:
        """The function's response; its error when it has one."""
        self._invocations += 1
        self.events.put((f"invocation-{self._invocations}", event))
        return self.answers.get(timeout=START_S)


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.path.removeprefix(PREFIX)
        if what == "restore/next":
            self.server.snapshot.set()
            self.server.restored.wait(START_S)
            self._answer(200, b"{}")
        elif what == "invocation/next":
            identity, event = self.server.events.get(timeout=START_S)
            deadline = str(int((time.time() + START_S) * 1000))
            headers = {"Lambda-Runtime-Aws-Request-Id": identity, "Lambda-Runtime-Deadline-Ms": deadline}
            self._answer(200, json.dumps(event).encode(), headers)

    def do_POST(self) -> None:
        answer = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.snapshot.set()  # a start that fails goes straight here
        self.server.answers.put(answer)
        self._answer(202, b"{}")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "content-type": "application/json", "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def snap_started(context: Path, output: Path, **environment: str) -> Iterator[tuple[RuntimeApi, "subprocess.Popen[bytes]"]]:
    """A function of `context` with SnapStart, whose output goes to a file; killed at the end, as Lambda does it."""
    api = RuntimeApi()
    thread = threading.Thread(target=api.serve_forever)
    thread.start()
    variables = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}", "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    with output.open("wb") as file:
        command = [sys.executable, "-m", "runtime_handler"]
        environment = clean_environment(**variables, **environment)
        process = subprocess.Popen(command, cwd=context, env=environment, stdout=file, stderr=file)
    try:
        yield api, process
    finally:
        process.kill()
        process.wait()
        api.restore()
        api.shutdown()
        thread.join()
        api.server_close()


def connected_to(pid: int) -> set[int]:
    """The remote ports of a process's open TCP connections."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(line[2].partition(":")[2], 16) for line in lines if line[9] in inodes}


def body_of(answer: Any) -> Any:
    """The JSON body of a function's response."""
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]
    return json.loads(body)
