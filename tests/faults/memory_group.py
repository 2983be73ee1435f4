"""A control group that limits the memory of a server under test, where this user may make one."""

import os
import subprocess
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
    """A group of `limit` bytes, of control groups version 1 or 2; None where this process may not make one and have it joined."""
    group = next((group for place in _places() if (group := _made(place, limit)) is not None), None)
    try:
        yield group
    finally:
        if group is not None:
            _remove(group.folder)


class Place(NamedTuple):
    """Where a group may be made, and what its files are called."""

    parent: Path
    limit: str
    events: str


def _places() -> Iterator[Place]:
    """Below this process's own group; in version 2, where a group with processes has none below it, beside it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own = path.lstrip("/")
        if "memory" in controllers.split(","):
            yield Place(TREE / "memory" / own, "memory.limit_in_bytes", "memory.oom_control")
        elif controllers == "":
            yield from (Place(folder, "memory.max", "memory.events") for folder in (TREE / own, (TREE / own).parent))


def _made(place: Place, limit: int) -> MemoryGroup | None:
    folder = place.parent / f"cxpack-{os.getpid()}"
    if not place.parent.is_relative_to(TREE):
        return None
    try:
        folder.mkdir()
    except OSError:
        return None
    group = MemoryGroup(folder, place.events)
    try:
        with (folder / place.limit).open("r+") as file:  # there is none where that controller is not for us, or no group at all
            file.write(str(limit))
        subprocess.run([*group.launcher, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        _remove(folder)
        return None
    return group


def _remove(folder: Path) -> None:
    for _ in range(50):  # the kernel may take a moment to let go of the last process
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.1)
    print(f"{folder} was left behind")
