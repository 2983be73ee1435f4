"""Rows of the Lambda path: the first answer through the runtime interface emulator, and a warm invocation in process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from packager.placement import LAMBDA_FLOOR_MB
from tests.benchmarks.exported import TINY, a_request
from tests.benchmarks.rows import LIMIT, OURS, Gate, Row, alternate
from tests.benchmarks.servers import CONTENDERS, SERVER_CORE, START_S, Recipe, environment, free_port
from tests.benchmarks.serving import Effort, recipes
from tests.runtime_handler.emulator import EMULATOR, INVOKE, http_api_event

EVENT = json.dumps(http_api_event("POST", "/predict", "", {"content-type": "application/json"}, a_request(TINY).encode()))


MEMORY = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(LAMBDA_FLOOR_MB["onnx"])}
"""What Lambda says to a function with the memory that such an API gets."""


def invocations(folder: Path, effort: Effort) -> Iterator[Row]:
    """Ours and a bare handler function."""
    servers = recipes(folder, TINY)
    functions = {
        OURS: servers[OURS],
        LIMIT: Recipe(
            command=(sys.executable, "-m", "awslambdaric", "bare.handler"), folder=CONTENDERS, variables=servers[LIMIT].variables
        ),
    }
    functions = {who: replace(function, variables={**function.variables, **MEMORY}) for who, function in functions.items()}
    for function in functions.values():
        start_of(function)  # writes the bytecode, which an image has
    yield Row(
        name="Lambda, process start to first answer",
        unit="s",
        values=alternate(effort.starts, functions, start_of),
        gate=Gate(against=LIMIT, bound=1.25),
    )
    yield Row(
        name="Lambda, warm invocation in process",
        unit="us",
        values=alternate(effort.rounds, functions, warm_us),
        gate=Gate(bound=60),
    )


def start_of(function: Recipe) -> float:
    """Seconds from the emulator's command to the answer of the first invocation. Raises RuntimeError when there is none."""
    port = free_port()
    addresses = ("--runtime-interface-emulator-address", f"127.0.0.1:{port}", "--runtime-api-address", f"127.0.0.1:{free_port()}")
    started = time.perf_counter()
    process = subprocess.Popen(
        [EMULATOR, *addresses, *function.command],
        cwd=function.folder,
        env=environment(function.variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while time.perf_counter() - started < START_S:
            with contextlib.suppress(OSError):  # it does not listen yet
                answer = _invoke(port)
                if answer.get("statusCode") != 200:
                    raise RuntimeError(f"the first invocation of {function.command[-1]} failed: {answer}")
                return time.perf_counter() - started
            time.sleep(0.001)
        raise RuntimeError(f"{function.command[-1]} does not answer in the emulator")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _invoke(port: int) -> Mapping[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{INVOKE}", EVENT.encode(), timeout=START_S) as response:
        answer: Mapping[str, object] = json.load(response)
        return answer


def warm_us(function: Recipe) -> float:
    """The median of an invocation in a process of its own, on one core."""
    which = "bare" if function.folder == CONTENDERS else "ours"
    result = subprocess.run(
        ["taskset", "-c", str(SERVER_CORE), sys.executable, CONTENDERS / "warm.py", which, function.folder, EVENT],
        cwd=function.folder,
        env=environment(function.variables),
        stdout=subprocess.DEVNULL,  # metric lines
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=START_S,
    )
    label, _, value = result.stderr.strip().splitlines()[-1].partition(" ")
    if result.returncode or label != "microseconds":
        raise RuntimeError(result.stderr)
    return float(value)
