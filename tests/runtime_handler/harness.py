"""Real serving processes: a context folder as `cxpack synth` writes it, and `python -m runtime_handler` in it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from runtime_handler.contract import PredictorSpec, ServeSpec

ROOT = Path(__file__).parents[2]
START_S = 60
"""No start takes that long; it bounds a test that hangs."""

ECHO = """
class PythonPredictor:
    def __init__(self, config):
        self.config = config

    def predict(self, payload):
        return payload
"""


def a_spec(**predictor: Any) -> ServeSpec:
    """A python API called `iris`; arguments replace those of its `predictor` section."""
    return ServeSpec(
        name="iris", endpoint="/iris", predictor=PredictorSpec(**{"type": "python", "path": "predictor.py", **predictor})
    )


def write_context(folder: Path, files: Mapping[str, str | bytes], spec: ServeSpec | None = None, **changes: Any) -> Path:
    """A context folder with the runtime, api.json and `files` as the project; `changes` replace fields of the spec."""
    shutil.copytree(ROOT / "runtime_handler", folder / "runtime_handler", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "api.json").write_text((spec or a_spec())._replace(**changes).dump())
    for name, content in files.items():
        path = folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment of this process without what would change a serving process, and with `variables`."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CXPACK_", "AWS_", "SAGEMAKER_", "PYTEST_"))
    }
    return {**kept, "PYTHONWARNINGS": "default", "TF_CPP_MIN_LOG_LEVEL": "2", **variables}


@dataclass
class Server:
    """A running server; `stdout` and `stderr` are what it has written so far."""

    process: "subprocess.Popen[bytes]"
    url: str
    output: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def stdout(self) -> str:
        return (self.output / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.output / "stderr").read_text()

    def wait_for(self, path: str, status: int) -> httpx.Response:
        """The first answer to GET `path` with this status."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                response = self.client.get(path)
                if response.status_code == status:
                    return response
            time.sleep(0.02)
        raise AssertionError(f"no {status} from {path}; the server says:\n{self.stderr}")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(35)


@contextlib.contextmanager
def serving(
    context: Path, *, ready: bool = True, arguments: tuple[str, ...] = (), launcher: tuple[str, ...] = (), **environment: str
) -> Iterator[Server]:
    """A server in `context`, waited for until ready, or until it answers health checks; killed at the end.

    `launcher` is a command that becomes the one that follows it.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        with (output / "stdout").open("wb") as stdout, (output / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [*launcher, sys.executable, "-m", "runtime_handler", *arguments],
                cwd=context,
                env=clean_environment(**{"PORT": str(port), "CXPACK_HOST": "127.0.0.1", **environment}),
                stdout=stdout,
                stderr=stderr,
            )
        server = Server(process, f"http://127.0.0.1:{environment.get('SAGEMAKER_BIND_TO_PORT', port)}", output)
        try:
            server.wait_for("/-/ready" if ready else "/-/healthy", 200)
            yield server
        finally:
            server.client.close()
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(35)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def run_to_exit(context: Path, *, launcher: tuple[str, ...] = (), **environment: str) -> "subprocess.CompletedProcess[str]":
    """A server that is expected to end by itself; `launcher` as for `serving`."""
    return subprocess.run(
        [*launcher, sys.executable, "-m", "runtime_handler"],
        cwd=context,
        env=clean_environment(**{"PORT": str(free_port()), "CXPACK_HOST": "127.0.0.1", **environment}),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
