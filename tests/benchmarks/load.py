"""wrk: requests a second and p99 of one server, from the other core."""

import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.rows import Gate, Row, alternate
from tests.benchmarks.servers import LOAD_CORE, Server

BURST = Path(__file__).parent / "burst.py"
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}

SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = [[{body}]]
local targets, turn = {{ {targets} }}, 0
if #targets > 0 then
  request = function()
    turn = turn % #targets + 1
    return wrk.format(nil, "/predict?model=" .. targets[turn])
  end
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: requests a second, and the 99th percentile of latency in ms."""

    per_second: float
    p99_ms: float


def installed() -> bool:
    """Whether there is a wrk."""
    return shutil.which("wrk") is not None


def write_script(path: Path, body: str, models: Sequence[str] = ()) -> Path:
    """A script for wrk: POSTs of `body`, and with `models` to one after the other of them."""
    path.write_text(SCRIPT.format(body=body, targets=", ".join(f'"{model}"' for model in models)))
    return path


def load(server: Server, script: Path, connections: int, seconds: int) -> Load:
    """Raises RuntimeError when a request fails, for errors are answered fast."""
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    url = f"http://127.0.0.1:{server.port}/predict"
    output = subprocess.run(
        [*command, "--timeout", "30s", "-s", script, url], capture_output=True, text=True, check=True, timeout=60 + seconds
    ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"requests failed:\n{output}")
    return parse(output)


def burst(server: Server, script: Path, body: str, busy: int, seconds: int) -> float:
    """The slowest answer of a burst of new connections, in ms, while `busy` others load the server: the median of several."""
    url = f"http://127.0.0.1:{server.port}/predict"
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{busy}", f"-d{seconds + 1}s", "-s", str(script), url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as load:
        time.sleep(0.5)  # until it is busy
        program = ["taskset", "-c", str(LOAD_CORE), sys.executable, str(BURST), str(server.port), body, str(5 * seconds)]
        done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60 + seconds)
        load.wait(60 + seconds)
    return statistics.median(map(float, done.stdout.split()))


def parse(output: str) -> Load:
    """What wrk's report says. Raises ValueError when it is none."""
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", output)
    if per_second is None or p99 is None:
        raise ValueError(f"not a report of wrk --latency:\n{output}")
    return Load(float(per_second[1]), float(p99[1]) * MILLISECONDS[p99[2]])


def loaded_rows(
    name: str,
    servers: Mapping[str, Server],
    script: Path,
    connections: int,
    rounds: int,
    seconds: int,
    *,
    gate: Gate | None = None,
    p99_gate: Gate | None = None,
) -> list[Row]:
    """Throughput and p99 of all `servers` at a number of connections."""
    loads = alternate(rounds, servers, lambda server: load(server, script, connections, seconds))
    per_second = {who: [each.per_second for each in measured] for who, measured in loads.items()}
    p99 = {who: [each.p99_ms for each in measured] for who, measured in loads.items()}
    name = f"{name}, {connections} connection{'s' if connections > 1 else ''}"
    return [
        Row(name=name, unit="requests/s", values=per_second, gate=gate),
        Row(name=f"{name}: p99", unit="ms", values=p99, gate=p99_gate),
    ]
