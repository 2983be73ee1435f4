"""The models of one API: which exist, which are on disk, which are loaded; the only owner of all three.

Requests read tables, so that a warm `get` is two dictionary look-ups and takes no lock. What changes the tables happens
beside them: `tick` scans, `look_again` sees between two scans what settled, and loads run on threads of their own. A scan
or a load that fails changes nothing: what served before goes on serving.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime_handler.contract import SINGLE_MODEL, ModelsSpec
from runtime_handler.errors import MissingModelName, ModelNotFound
from runtime_handler.metrics.recorder import NullRecorder, Recorder
from runtime_handler.models.catalog import Rules
from runtime_handler.models.disk import DiskTier
from runtime_handler.models.folders import Folders
from runtime_handler.models.layout import Layout
from runtime_handler.models.loads import Loads
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.misses import Misses
from runtime_handler.models.model import CacheStatus, Model, ModelId, ModelStatus
from runtime_handler.models.order import MEMORY_FACTOR
from runtime_handler.models.places import Opens, Places, are_copied
from runtime_handler.models.reclaim import Reclaimer
from runtime_handler.models.scan import Replica, Scanner, Scans
from runtime_handler.models.shelf import Shelf
from runtime_handler.models.store import Store
from runtime_handler.models.tally import Tally
from runtime_handler.models.updates import Updates
from runtime_handler.models.version import requested_version
from runtime_handler.models.workers import Pool, Workers
from runtime_handler.predictors.base import Load as Loader

FETCHES = 8
"""Models that are fetched side by side, or wait for their turn to be loaded."""


def open_manager(
    spec: ModelsSpec,
    *,
    api_name: str,
    root: Path,
    layout: Layout,
    load: Loader,
    store: Path,
    settle_s: float = 5.0,
    marker: str | None = None,
    recorder: Recorder | None = None,
    clock: Callable[[], float] = time.time,
    threads: int = 1,
    pause: Callable[[float], None] = time.sleep,
    pool: Pool | None = None,
    places: Opens | None = None,
    replica: Replica | None = None,
    memory_room: int | None = None,
    memory_left: Callable[[], float] = lambda: math.inf,
) -> "Manager":
    """The manager of an API's models, not started. Relative paths of the spec are packed folders under `root`.

    A spec without paths and dir is an API whose models are loaded by folder (`Manager.folders`).

    `marker` names the file that ends an upload, None when uploads have none (see `catalog`).

    `store` is the folder of all APIs' models on disk; `threads` the API's `threads_per_process`: no more than that, nor
    than four, nor than `cache_size`, are loaded at once. `pool` runs the loads, `pause` waits between scans at the start,
    `places` opens sources. `replica` tells of other processes that serve the same models, None: there are none.
    `memory_room` is the budget for models in memory, in bytes, where the spec sets none: a larger model has it to itself.
    `memory_left` tells how many bytes more the process may take, which no files are loaded beyond.
    """
    recorder = recorder or NullRecorder()
    reclaimer = Reclaimer()
    at_once = min(4, threads, spec.cache_size or threads)
    memory = MemoryTier(
        spec.cache_size,
        _memory_budget(spec, memory_room),
        refuses=spec.cache_bytes is not None,
        clock=clock,
        evicted=lambda _: recorder.record("ModelEviction", 1),
        freed=lambda resident: reclaimer.freed(resident.model.value, resident.bytes),
    )
    versions = Store(store / api_name)
    disk = DiskTier(versions, spec.disk_cache_size, spec.disk_cache_bytes, memory)

    def open_loads(ended: Callable[[ModelId], None]) -> Loads:
        return Loads(
            memory=memory,
            disk=disk,
            loader=load,
            pool=pool or Workers(FETCHES),
            at_once=at_once,
            recorder=recorder,
            reclaimer=reclaimer,
            clock=clock,
            ended=ended,
            memory_left=memory_left,
        )

    shelf = Shelf(memory, disk, open_loads, on_demand=spec.cached)
    places = places or Places(root)
    scanner: Scans | None = Scanner(spec, places) if spec.paths or spec.dir is not None else None
    if scanner is not None and replica is not None:
        from runtime_handler.models.shared_scans import SharedScans, may_share  # here, for most replicas are one process

        if may_share(spec):
            scanner = SharedScans(scanner, spec, places, versions.scans, replica)
    rules = Rules(layout=layout, settle_s=settle_s, marker=marker)
    copies = are_copied(spec.places)
    updates = Updates(shelf, scanner, rules=rules, copies=copies, recorder=recorder, clock=clock, pause=pause)
    return Manager(shelf, updates, Folders(shelf, layout, clock), spec, recorder)


def _memory_budget(spec: ModelsSpec, room: int | None) -> int | None:
    """Bytes for models in memory: what is in memory is on disk too, so that the disk's budget limits both."""
    on_disk = None if spec.disk_cache_bytes is None else int(spec.disk_cache_bytes * MEMORY_FACTOR)
    return min((budget for budget in (spec.cache_bytes, on_disk, room) if budget is not None), default=None)


class Manager:
    """The models of one API; see `model.Models` for what requests see of it.

    `folders` loads and unloads models by folder, for SageMaker's multi-model endpoints; the spec then names none.
    """

    def __init__(self, shelf: Shelf, updates: Updates, folders: Folders, spec: ModelsSpec, recorder: Recorder) -> None:
        self.folders = folders
        self._shelf, self._updates, self._spec, self._recorder = shelf, updates, spec, recorder
        self._single = spec.single
        self._take, self._latest = shelf.memory.take, shelf.latest
        self._on_demand = shelf.on_demand
        self._hits, self._misses = Tally(), Tally()
        self._missed = Misses(shelf, self._misses, {path.name: path.path for path in spec.paths}, updates.now)

    def start(self) -> None:
        """Scan, and load what is to be loaded at the start. Blocks until that has ended.

        Raises StartError when the models' place cannot be reached, and the disk holds nothing from an earlier run.
        """
        self._updates.start()

    def limit_memory(self, budget: int) -> None:
        """Have loaded models stay within so many bytes from the next load on, if no smaller budget was set."""
        limits = self._shelf.memory.limits
        limits.bytes = budget if limits.bytes is None else min(budget, limits.bytes)

    def tick(self, *, wait: bool = True) -> float:
        """One refresh step: a scan and the loads that follow, to their end if it is to `wait`. Never raises.

        Returns how many seconds ago the scan began.
        """
        age = self._updates.tick(wait=wait)
        self._record_hits()
        return age

    def settles_in(self) -> float | None:
        """Seconds until files of a version may have settled, which `look_again` then finds out; None: none are waiting."""
        return self._updates.settles_in()

    def look_again(self, *, patience_s: float = math.inf, wait: bool = True) -> None:
        """Look between two scans at the models whose files may have settled, and load those. Never raises.

        After `patience_s` seconds no request begins.
        """
        self._updates.look_again(patience_s=patience_s, wait=wait)

    def close(self) -> None:
        """Take no more work. Models that requests hold stay usable."""
        self._record_hits()
        self._shelf.loads.close()
        self._shelf.disk.close()

    def get(self, name: str | None = None, version: str | int | None = "latest") -> Model:
        """See `Models.get`."""
        number = requested_version(version)
        if self._single:
            name = SINGLE_MODEL
        elif name is None:
            known = sorted(self._shelf.catalog)[:20]
            raise MissingModelName(f"several models are served; name one of them: {', '.join(known)}", models=known)
        elif not isinstance(name, str):
            raise ModelNotFound(f"there is no model {name!r}: a model's name is a string")
        key = self._latest.get(name) if number is None else ModelId(name, number)
        model = self._take(key) if key is not None else None
        if model is None:
            return self._missed.get(name, number)
        self._hits()
        return model

    def status(self) -> Sequence[ModelStatus]:
        """See `Models.status`."""
        return self._shelf.statuses()

    def cache(self) -> CacheStatus:
        """See `Models.cache`."""
        return CacheStatus(memory=self._shelf.memory.status(), disk=self._shelf.disk.status())

    def metadata(self) -> Mapping[str, Any]:
        """See `Models.metadata`."""
        return self._shelf.metadata()

    def _record_hits(self) -> None:
        """Report hits and misses as sums: a value for each request would be a log line for every hundred."""
        for metric, tally in (("ModelCacheHit", self._hits), ("ModelCacheMiss", self._misses)):
            if (number := tally.taken()) and self._on_demand:
                self._recorder.record(metric, number)
