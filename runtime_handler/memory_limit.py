"""How much memory this process may take before it is killed, and how much of that loaded models may have.

A container's limit is its control group's (memory.max, or memory.limit_in_bytes of version 1), a Lambda function's stands in
AWS_LAMBDA_FUNCTION_MEMORY_SIZE, in MB, and the machine's memory ends all of them. Nothing is known of other systems.
"""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from runtime_handler.contract import MODELS_SHARE, ServeSpec

LEAST = 1 / 4
"""Of the limit, however much the process takes beside its models: so little memory is meant for little models."""

_MEMORY = Path("sys/fs/cgroup")


def memory_limit(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> int | None:
    """Bytes; None where the system does not say. `root` is where the kernel's own file systems are."""
    return min(_limits(environ, root), default=None)


def resident_bytes() -> int:
    """What this process takes now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - before every load of a large model
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def room_for_models(limit: int, resident: int) -> int:
    """Bytes that loaded models may take within `limit`, of a process that takes `resident` bytes without any."""
    return int(max(limit * MODELS_SHARE - resident, limit * LEAST))


def share(spec: ServeSpec, limit: int | None) -> int | None:
    """What of the limit one process of the API may take; None: unknown, or its models are in an accelerator's memory."""
    return None if limit is None or spec.accelerator != "cpu" else limit // spec.predictor.processes_per_replica


def memory_left(spec: ServeSpec) -> float:
    """Bytes that the process may still take for files that are read whole; a user's own loader may map its, which take none."""
    memory = None if spec.predictor.type == "python" else share(spec, memory_limit())
    return math.inf if memory is None else memory - resident_bytes()


def _limits(environ: Mapping[str, str], root: Path) -> Iterator[int]:
    if environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "").isdecimal():
        yield int(environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) << 20
    for file in _group_files(root):
        if (text := _read(file).strip()).isdecimal():  # `max`: none
            yield int(text)
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            yield int(line.split()[1]) << 10


def _group_files(root: Path) -> Iterator[Path]:
    """The limits of this process's group and of those around it; in a container the root of the tree is its own group."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            tree, name = root / _MEMORY, "memory.max"
        elif "memory" in controllers.split(","):
            tree, name = root / _MEMORY / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = tree / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(tree):
                yield folder / name


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
