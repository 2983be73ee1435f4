"""One API's process under `cxpack local`: started as its container would be, its lines passed on, stopped in order."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 30
"""As long as ECS and SageMaker wait between SIGTERM and SIGKILL."""
EMF_PREFIX = b'{"_aws"'
"""How a metric line begins; CloudWatch is not listening here."""


@dataclass(eq=False)
class Replica:
    """The process of one API: `context` is its build context's folder, `endpoint` the path it answers at."""

    name: str
    endpoint: str
    context: Path
    models: Path
    say: Callable[[str], None]
    """Takes each line that the process writes, the API's name before it."""
    port: int = 0
    process: asyncio.subprocess.Process | None = None
    output: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Start the runtime in the context's folder on a free loopback port."""
        self.port = _free_port()
        environment = {
            **os.environ,
            "PORT": str(self.port),
            "CXPACK_HOST": "127.0.0.1",
            "CXPACK_LOG_FORMAT": "text",
            "CXPACK_MODEL_STORE": str(self.models),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        environment.pop("AWS_LAMBDA_RUNTIME_API", None)
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "runtime_handler"),
            cwd=self.context,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we end the replicas in order
        )
        self.output = asyncio.create_task(self._pass_on())

    async def ended(self) -> int:
        """Wait for the end of the process and of its output; its exit status."""
        assert self.process is not None, "started before it is waited for"
        assert self.output is not None, "started before it is waited for"
        status = await self.process.wait()
        await self.output
        return status

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not end within STOP_SECONDS."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.say(f"{self.name}: did not stop within {STOP_SECONDS} s; killed")
            self.process.kill()
        await self.ended()

    async def _pass_on(self) -> None:
        assert self.process is not None, "started before it is read"
        stream = self.process.stdout
        assert stream is not None, "its output is a pipe"
        rest = b""
        while chunk := await stream.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(line)
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        if not line.startswith(EMF_PREFIX):
            self.say(f"{self.name}: {line.decode(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
