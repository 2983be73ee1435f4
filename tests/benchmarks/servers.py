"""Servers on one core: each contender started, asked until it answers, looked at and ended."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CONTENDERS = Path(__file__).parent / "contenders"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
"""A server never shares its core with who loads it, where there are two."""
START_S = 60
UVICORN = (sys.executable, "-m", "uvicorn", "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to start a server: a command that listens on {port}, where, and with which variables beside ours."""

    command: tuple[str, ...]
    folder: Path
    variables: Mapping[str, str]
    path: str = "/predict"


def cxpack(context: Path, **variables: str) -> Recipe:
    """`python -m runtime_handler` in a context folder, metrics and logs on."""
    store = {"CXPACK_MODEL_STORE": str(context / "store"), "CXPACK_HOST": "127.0.0.1"}
    return Recipe(command=(sys.executable, "-m", "runtime_handler"), folder=context, variables={**store, **variables})


def uvicorn(module: str, **variables: str) -> Recipe:
    """An app of CONTENDERS under uvicorn."""
    return Recipe(command=(*UVICORN, "--port", "{port}", f"{module}:app"), folder=CONTENDERS, variables=variables)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """That of this process, without what would change a contender, and with `variables`."""
    # Without bytecode every start would compile every module anew, which no deployed image does.
    dropped = ("CXPACK_", "AWS_", "SAGEMAKER_", "PYTEST_", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(dropped)}, **variables}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `start_s` is the time from its command to its first answer."""

    process: "subprocess.Popen[bytes]"
    port: int
    start_s: float

    def status(self, field: str) -> int:
        """A number of /proc/PID/status."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))

    @property
    def resident_mb(self) -> float:
        return self.status("VmRSS") / 1024


@contextmanager
def running(recipe: Recipe, body: str, log: Path) -> Iterator[Server]:
    """The server of a recipe once it has answered `body`. Raises RuntimeError with its log when it ends before."""
    port = free_port()
    command = ["taskset", "-c", str(SERVER_CORE), *(word.format(port=port) for word in recipe.command)]
    with log.open("wb") as output, stopping(command, recipe.folder, {**recipe.variables, "PORT": str(port)}, output) as process:
        started = time.perf_counter()
        while not _answers(port, recipe.path, body):
            if process.poll() is not None or time.perf_counter() - started > START_S:
                raise RuntimeError(f"{recipe.command[-1]} does not serve:\n{log.read_text()}")
            time.sleep(0.002)
        yield Server(process, port, time.perf_counter() - started)


@contextmanager
def all_running(recipes: Mapping[str, Recipe], body: str, folder: Path) -> Iterator[dict[str, Server]]:
    """The servers of all contenders at once, by contender."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(recipe, body, folder / f"{name}.log")) for name, recipe in recipes.items()}


@contextmanager
def stopping(
    command: Sequence[str | Path], folder: Path, variables: Mapping[str, str], output: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is ended when the block is."""
    process = subprocess.Popen(command, cwd=folder, env=environment(variables), stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int, path: str, body: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
