"""A control group that limits the memory of a server under test, where this user may make one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

TREE = Path("/sys/fs/cgroup")


class MemoryGroup(NamedTuple):
    """A group, and its file with the line `oom_kill`, which counts the processes that were killed for its memory."""

    folder: Path
    events: str

    @property
    def launcher(self) -> tuple[str, ...]:
        """Goes before a command, which then runs in the group from its first instruction on."""
        return "/bin/sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh"

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        lines = dict(line.split() for line in (self.folder / self.events).read_text().splitlines())
        return int(lines["oom_kill"])


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup | None]:
    """A group of `limit` bytes below this process's own, of control groups version 1 or 2; None where that is not allowed."""
    group = None
    with suppress(OSError):
        group = _made(limit)
    try:
        yield group
    finally:
        if group is not None:
            _remove(group.folder)


def _made(limit: int) -> MemoryGroup | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            tree, maximum, events = TREE / "memory", "memory.limit_in_bytes", "memory.oom_control"
        elif controllers == "":
            tree, maximum, events = TREE, "memory.max", "memory.events"
        else:
            continue
        folder = tree / path.lstrip("/") / f"cxpack-{os.getpid()}"
        if not (folder.parent / events).exists() and not (folder.parent / "cgroup.subtree_control").exists():
            continue
        folder.mkdir()
        if (folder / maximum).exists():
            (folder / maximum).write_text(str(limit))
            return MemoryGroup(folder, events)
        folder.rmdir()  # version 2, and whoever owns the group above does not hand its memory down
    return None


def _remove(folder: Path) -> None:
    for _ in range(50):  # the kernel may take a moment to let go of the last process
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.1)
    print(f"{folder} was left behind")
