"""Managers for tests, every argument defaulted, and their steps as a server's thread makes them."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime_handler.contract import ModelPath, ModelsSpec
from runtime_handler.models.layout import PYTHON, Layout
from runtime_handler.models.manager import Manager, open_manager
from runtime_handler.models.shared_scans import Replica
from runtime_handler.models.workers import Inline, Pool
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces, Recording


class Loader:
    """A loader that reads the file `model`, or every file, and remembers what it was called with.

    A model whose text begins with "broken" cannot be loaded.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, path: Path, name: str) -> object:
        files = sorted(file for file in path.rglob("*") if file.is_file())
        text = "+".join(file.read_text() for file in files)
        self.calls.append(text)
        if text.startswith("broken"):
            raise ValueError(f"cannot read {text}")
        return text


def a_manager(
    store: Path,
    bucket: FakeBucket | None = None,
    *,
    directory: str | None = "s3://fake/models",
    paths: dict[str, str] | None = None,
    cache: tuple[int, int] | None = None,
    layout: Layout = PYTHON,
    load: Callable[[Path, str], object] | None = None,
    settle_s: float = 5.0,
    recorder: Recording | None = None,
    root: Path | None = None,
    pool: Pool | None = None,
    threads: int = 1,
    places: FakePlaces | None = None,
    marker: str | None = None,
    replica: Replica | None = None,
    memory_room: int | None = None,
    memory_left: Callable[[], float] = lambda: math.inf,
    clock: Callable[[], float] | None = None,
    **more: Any,
) -> Manager:
    """A manager over a fake bucket, or over real places when there is none; loads run in the calling thread."""
    clock = clock or (bucket.clock if bucket is not None else time.time)
    return open_manager(
        ModelsSpec(
            paths=tuple(ModelPath(name=name, path=path) for name, path in (paths or {}).items()),
            dir=None if paths else directory,
            cache_size=cache and cache[0],
            disk_cache_size=cache and cache[1],
            **more,
        ),
        api_name="api",
        root=root or store,
        layout=layout,
        load=load or Loader(),
        store=store,
        settle_s=settle_s,
        marker=marker,
        recorder=recorder or Recording(),
        clock=clock,
        pause=clock.sleep if isinstance(clock, Clock) else time.sleep,
        threads=threads,
        pool=pool or Inline(),
        places=places or (FakePlaces(bucket) if bucket is not None else None),
        replica=replica,
        memory_room=memory_room,
        memory_left=memory_left,
    )


def until_next_scan(manager: Manager, clock: Clock, due: float, looked: Callable[[], None] = lambda: None) -> None:
    """What ThreadRefresh does between two scans, of which the next is `due`; then it is that time. `looked` follows each look."""
    while (wait := manager.settles_in()) is not None and clock() + wait < due:
        clock.sleep(max(wait, 0.05))
        manager.look_again(patience_s=due - clock())
        looked()
    clock.now = max(due, clock.now)
