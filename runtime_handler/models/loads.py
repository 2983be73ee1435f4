"""Loads in flight: one per model version however many requests wait for it, each behind a reserved slot.

A load takes its room in both tiers, calls the predictor type's loader on the files and installs the result into the hands
of everyone who waits, before anything can evict it.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from errno import EIO
from pathlib import Path
from typing import Protocol

from runtime_handler.errors import ModelLoading, NoCapacity, ServeError
from runtime_handler.importing import describe, user_traceback
from runtime_handler.memory_limit import resident_bytes
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models import lease
from runtime_handler.models.admission import Admission
from runtime_handler.models.catalog import Files
from runtime_handler.models.disk import DiskTier
from runtime_handler.models.failures import Failure, as_error, next_failure
from runtime_handler.models.footprints import WEIGHTY, Footprints
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.model import Model, ModelId, title
from runtime_handler.models.order import Order
from runtime_handler.models.reclaim import Reclaimer
from runtime_handler.models.source import SourceChanged, SourceError
from runtime_handler.models.workers import Inline, Job
from runtime_handler.predictors.base import Load as Loader

log = logging.getLogger("cxpack.models")


class Pool(Protocol):
    """Who runs loads: `workers.Workers` or `workers.Inline`."""

    def submit(self, job: Job) -> None:
        """Run a job, now or soon."""

    def close(self) -> None:
        """Take no more."""


class Load:
    """One load in flight. When `done` is set, the model is in memory and in the leases that waited, or there is an `error`.

    The load itself does not hold the model: whoever held it longer than the requests do would break the cache's limit.
    """

    __slots__ = ("done", "error", "order", "waiting")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.done = threading.Event()
        self.waiting: list[lease.Lease] = []
        self.error: ServeError | None = None


class Loads:
    """Starts loads, joins those that are in flight already, and remembers the failures."""

    def __init__(
        self,
        *,
        memory: MemoryTier,
        disk: DiskTier,
        loader: Loader,
        pool: Pool,
        at_once: int,
        recorder: Recorder,
        reclaimer: Reclaimer,
        clock: Callable[[], float],
        finished: Callable[[ModelId], None],
        memory_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """`at_once` is how many loader calls may run side by side; `finished` hears of every version that was installed.

        `memory_left` tells how many bytes more the process may take; it is asked before large models are loaded.
        """
        self._memory, self._disk, self._loader, self._pool = memory, disk, loader, pool
        self._recorder, self._reclaimer, self._clock, self._finished = recorder, reclaimer, clock, finished
        self._admission = Admission(memory, disk)
        self._memory_left, self._footprints = memory_left, Footprints(resident_bytes)
        self._calls = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._flying: dict[ModelId, Load] = {}
        self.failures: dict[ModelId, Failure] = {}
        self.good: dict[ModelId, Files] = {}
        self.took_ms: dict[ModelId, float] = {}

    def start(self, order: Order, request: lease.Lease | None = None, *, here: bool = False) -> Load:
        """The load of that version: the one in flight, or a new one, run in this thread if it is to be `here`.

        Its model will be given to `request`, too.
        """
        with self._lock:
            load = self._flying.get(order.key)
            new = load is None
            if load is None:
                load = self._flying[order.key] = Load(order)
            if request is not None:
                load.waiting.append(request)
        if new:
            (Inline() if here else self._pool).submit(lambda: self._run(load))
        return load

    def give_up(self, load: Load, request: lease.Lease | None) -> None:
        """Have nothing given to a request that waited long enough."""
        with self._lock:
            if request is not None and request in load.waiting:
                load.waiting.remove(request)

    def flying(self) -> set[ModelId]:
        """The versions that are being loaded."""
        with self._lock:
            return set(self._flying)

    def backing_off(self, key: ModelId, fingerprint: str) -> Failure | None:
        """The failure because of which these files are not to be loaded now."""
        failure = self.failures.get(key)
        if failure is None or failure.fingerprint != fingerprint or failure.retry_at <= self._clock():
            return None
        return failure

    def tidy(self) -> None:
        """Give memory back, if enough was let go of."""
        self._reclaimer.run()

    def close(self) -> None:
        """Start no more."""
        self._pool.close()

    def forget(self, key: ModelId) -> None:
        """Drop what is known of a version that is gone."""
        self.failures.pop(key, None)
        self.good.pop(key, None)
        self.took_ms.pop(key, None)
        self._footprints.forget(key)

    def _run(self, load: Load) -> None:
        seen = self._memory.counted(self._footprints.seen(*load.order.name))  # refuses nothing: only its files' size does
        order = load.order = load.order._replace(seen=seen)
        started, asked_for = time.perf_counter(), bool(load.waiting)
        error: ServeError | None = None
        try:
            self._load(load)
        except NoCapacity as full:
            error = full
        except SourceChanged as changed:
            error = ModelLoading(f"{title(order.key.name)} version {order.key.version} is being uploaded: {changed}")
        except SourceError as silent:
            log.warning("%s version %s cannot be fetched: %s", title(order.key.name), order.key.version, silent)
            error = self._fail(order, str(silent), told="its files cannot be fetched now", store=True)
        except MemoryError as short:
            told = "there is not enough memory"
            self._fail(order, f"MemoryError: {short or told}", told=told, store=False)
            error = NoCapacity(f"there is not enough memory to load {title(order.key.name)}", model=order.key.name)
        except (Exception, SystemExit) as problem:  # noqa: BLE001  the user's loader may raise anything; others must serve
            log.error(
                "%s version %s cannot be loaded: %s",
                title(order.key.name),
                order.key.version,
                describe(problem),
                extra={"traceback": user_traceback(problem)},
            )
            error = self._fail(order, describe(problem), told=_told(problem), store=False)
            if isinstance(problem, OSError) and problem.errno == EIO and order.copied:
                self._disk.drop(order.key)  # our copy of the files cannot be read: the next attempt fetches another one
        else:
            took_ms = self.took_ms[order.key] = (time.perf_counter() - started) * 1000
            self._recorder.record("ModelLoad", took_ms)
            if not asked_for:
                log.info("%s version %s was loaded in %.0f ms", title(order.key.name), order.key.version, took_ms)
            self._finished(order.key)
        finally:  # whatever happens, nobody waits for ever
            with self._lock:
                load.error = error
                del self._flying[order.key]
            load.done.set()
        self._reclaimer.run()

    def _load(self, load: Load) -> None:
        order = load.order
        with self._admission.room(order, load.waiting) as (folder, ticket):
            self._install(load, ticket, self._call(folder, order))
        if order.copied and order.key not in self.failures:
            # Files of before; newer ones that fail stay, so that they are tried again without another download.
            self._disk.drop(order.key, besides=order.files.fingerprint)

    def _call(self, folder: Path, order: Order) -> object:
        with self._calls:
            self._reclaimer.run()  # what made room is gone for us, and maybe not yet for the kernel
            size = order.files.bytes
            while size >= WEIGHTY and size > (left := self._memory_left()):
                if not (order.evict and self._memory.evict(order.keep)):
                    raise MemoryError(f"the files take {size} bytes, and the process may take {left:.0f} more")
                self._reclaimer.run()
            with self._footprints.measured(*order.name, size):
                value = self._loader(folder, order.key.name)
            self._reclaimer.read(size)
            return value

    def _install(self, load: Load, ticket: int, value: object) -> None:
        order = load.order
        self.good[order.key] = order.files
        failure = self.failures.get(order.key)
        if failure is not None and failure.fingerprint == order.files.fingerprint:
            self.failures.pop(order.key, None)
        model = [Model(id=order.key, value=value, fingerprint=order.files.fingerprint)]
        del value  # from here on only the tier holds it, which may let it go before this thread goes on
        with self._lock:
            self._memory.install(ticket, model.pop(), load.waiting, seen=self._footprints.seen(*order.name))
            load.waiting.clear()

    def _fail(self, order: Order, error: str, *, told: str, store: bool) -> ServeError:
        self._recorder.record("ModelLoadError", 1)
        now = self._clock()
        before = self.failures.get(order.key)
        failure = next_failure(before, order.files.fingerprint, error, told=told, store=store, now=now)
        self.failures[order.key] = failure
        return as_error(order.key, failure, now)


def _told(problem: BaseException) -> str:
    """What callers hear of an exception: errors of the disk without their paths, which are ours and differ each time."""
    if isinstance(problem, OSError) and problem.strerror is not None:
        return f"{type(problem).__name__}: {problem.strerror}"
    return describe(problem)
