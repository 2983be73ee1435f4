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

from runtime_handler.errors import ModelFailed, ModelLoading, NoCapacity, ServeError
from runtime_handler.importing import describe, user_traceback
from runtime_handler.memory_limit import resident_bytes
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models import lease
from runtime_handler.models.admission import Admission
from runtime_handler.models.catalog import Files
from runtime_handler.models.disk import DiskTier
from runtime_handler.models.failures import Failures, as_error
from runtime_handler.models.footprints import WEIGHTY, Footprints
from runtime_handler.models.limits import NeverFits
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.model import Model, ModelId, title
from runtime_handler.models.order import Order
from runtime_handler.models.reclaim import Reclaimer
from runtime_handler.models.source import SourceChanged, SourceError
from runtime_handler.models.turns import Turns
from runtime_handler.models.workers import Pool
from runtime_handler.predictors.base import Load as Loader

log = logging.getLogger("cxpack.models")


class Load:
    """One load in flight. When `done` is set, the model is in memory and in the leases that waited, or there is an `error`.

    The load itself does not hold the model: whoever held it longer than the requests do would break the cache's limit.
    """

    __slots__ = ("begun", "done", "error", "order", "waiting")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.begun = False
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
        ended: Callable[[ModelId], None],
        memory_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """`at_once` is how many loader calls may run side by side; `ended` hears of every version whose load ended.

        `memory_left` tells how many bytes more the process may take; it is asked before large models are loaded.
        """
        self._memory, self._disk, self._loader, self._pool = memory, disk, loader, pool
        self._recorder, self._reclaimer, self._clock, self._ended = recorder, reclaimer, clock, ended
        self._admission = Admission(memory, disk)
        self._memory_left, self._footprints = memory_left, Footprints(resident_bytes)
        self._turns = Turns(at_once)
        self._lock = threading.Lock()
        self._flying: dict[ModelId, Load] = {}
        self.failures = Failures(clock)
        self.good: dict[ModelId, Files] = {}
        self.took_ms: dict[ModelId, float] = {}

    def start(self, order: Order, request: lease.Lease | None = None, *, here: bool = False) -> Load:
        """The load of that version: the one in flight, or a new one. Its model will be given to `request`, too.

        If it is to be `here`, this thread runs it, unless another has begun to: a loader that waits for one in the queue may
        be what keeps the thread busy that would run it.
        """
        with self._lock:
            load = self._flying.get(order.key)
            new = load is None
            if load is None:
                load = self._flying[order.key] = Load(order)
            if request is not None:
                load.waiting.append(request)
        if here:
            with self._turns.aside():
                self._run(load)
        elif new:
            try:
                self._pool.submit(lambda: self._run(load))
            except RuntimeError as error:  # the process may have no more threads
                log.error("%s version %s cannot be loaded now: %s", title(order.key.name), order.key.version, error)
                self._end(load, NoCapacity(f"nothing can load {title(order.key.name)} now", model=order.key.name))
        return load

    def wait(self, load: Load, seconds: float) -> bool:
        """Whether a load has ended within so many seconds. A loader that waits for another model lets that be loaded."""
        with self._turns.aside():
            return load.done.wait(seconds)

    def give_up(self, load: Load, request: lease.Lease | None) -> None:
        """Have nothing given to a request that waited long enough."""
        with self._lock:
            if request is not None and request in load.waiting:
                load.waiting.remove(request)

    def flying(self) -> set[ModelId]:
        """The versions that are being loaded."""
        with self._lock:
            return set(self._flying)

    def tidy(self) -> None:
        """Give memory back, if enough was let go of."""
        self._reclaimer.run()

    def close(self) -> None:
        """Start no more."""
        self._pool.close()

    def forget(self, key: ModelId) -> None:
        """Drop what is known of a version that is gone."""
        self.failures.keep(key, ())
        self.good.pop(key, None)
        self.took_ms.pop(key, None)
        self._footprints.forget(key)

    def _run(self, load: Load) -> None:
        with self._lock:
            if load.begun:
                return
            load.begun = True
        error: ServeError | None = NoCapacity("the load was broken off")
        try:
            try:
                error = self._attempt(load)
            finally:
                self._ended(load.order.key)
        finally:  # whatever happens, nobody waits for ever
            self._end(load, error)
        self._reclaimer.run()

    def _end(self, load: Load, error: ServeError | None) -> None:
        with self._lock:
            load.error = error
            self._flying.pop(load.order.key, None)
        load.done.set()

    def _attempt(self, load: Load) -> ServeError | None:
        """Load, and tell the log and the metrics of it; why it could not be loaded."""
        if self._memory.fingerprint(load.order.key) == load.order.files.fingerprint:
            return None  # somebody else's load of it ended after this one was found to be needed
        seen = self._memory.limits.counted(self._footprints.seen(*load.order.name))  # refuses nothing: only its files' size does
        order = load.order = load.order._replace(seen=seen)
        name, version = title(order.key.name), order.key.version
        started, asked_for = time.perf_counter(), bool(load.waiting)
        try:
            self._load(load)
        except NeverFits as large:
            self._fail(order, large.message, told=large.message)
            return large
        except NoCapacity as full:
            return full.with_traceback(None)  # its frames may hold a model that has no room
        except SourceChanged as changed:
            told = "its files were replaced while they were fetched"
            self.failures.add(order.key, order.files.fingerprint, f"{told}: {changed}", told=told, store=True)
            return ModelLoading(f"{name} version {version} is being uploaded: {changed}")
        except SourceError as silent:
            return self._fail(order, str(silent), told="its files cannot be fetched now", store=True)
        except MemoryError as short:
            told = "there is not enough memory"
            failed = self._fail(order, describe(short), told=told)
            return NoCapacity(f"{told} to load {name}", retry_after=failed.retry_after, model=order.key.name)
        except BaseException as problem:  # noqa: BLE001  the user's loader may raise anything; others must serve
            if isinstance(problem, OSError) and problem.errno == EIO and order.copied:
                self._disk.discard(order.name)  # our copy of the files cannot be read: the next attempt fetches another one
            return self._fail(order, describe(problem), told=_told(problem), traceback=user_traceback(problem))
        took_ms = self.took_ms[order.key] = (time.perf_counter() - started) * 1000
        self._recorder.record("ModelLoad", took_ms)
        if not asked_for:
            log.info("%s version %s was loaded in %.0f ms", name, version, took_ms)
        return None

    def _load(self, load: Load) -> None:
        order = load.order
        if (missing := self._missing(order)) > 0 and missing > max(self._memory.status().bytes, self._footprints.grown()):
            raise self._short(order)  # not even if all others left: so none has to
        with self._admission.room(order, load.waiting) as (folder, ticket):
            self._install(load, ticket, self._call(folder, order))

    def _call(self, folder: Path, order: Order) -> object:
        with self._turns.turn():
            self._reclaimer.run()  # what made room is gone for us, and maybe not yet for the kernel
            while self._missing(order) > 0:
                if not (order.evict and self._memory.evict(order.keep)):
                    raise self._short(order)
                self._reclaimer.run()
            with self._footprints.measured(*order.name, order.files.bytes):
                value = self._loader(folder, order.key.name)
            self._reclaimer.read(order.files.bytes)
            return value

    def _missing(self, order: Order) -> float:
        """Bytes of memory that the process lacks for the files, if they are many."""
        return order.files.bytes - self._memory_left() if order.files.bytes >= WEIGHTY else 0.0

    def _short(self, order: Order) -> MemoryError:
        size = order.files.bytes
        return MemoryError(f"the files take {size} bytes, and the process may take {self._memory_left():.0f} more")

    def _install(self, load: Load, ticket: int, value: object) -> None:
        order = load.order
        self.good[order.key] = order.files
        self.failures.loaded(order.key, order.files.fingerprint)
        model = [Model(id=order.key, value=value, fingerprint=order.files.fingerprint)]
        del value  # from here on only the tier holds it, which may let it go before this thread goes on
        with self._lock:
            seen = self._footprints.seen(*order.name)
            self._memory.install(ticket, model.pop(), load.waiting, seen=seen, evict=order.evict)
            load.waiting.clear()

    def _fail(self, order: Order, error: str, *, told: str, store: bool = False, traceback: str | None = None) -> ModelFailed:
        """Tell of files that could not be fetched from the `store`, or loaded; what callers are told."""
        level, done = (logging.WARNING, "fetched") if store else (logging.ERROR, "loaded")
        fields = {"traceback": traceback} if traceback is not None else None
        log.log(level, "%s version %s cannot be %s: %s", title(order.key.name), order.key.version, done, error, extra=fields)
        self._recorder.record("ModelLoadError", 1)
        failure = self.failures.add(order.key, order.files.fingerprint, error, told=told, store=store)
        return as_error(order.key, failure, self._clock())


def _told(problem: BaseException) -> str:
    """What callers hear of an exception: errors of the disk without their paths, which are ours and differ each time."""
    if isinstance(problem, OSError) and problem.strerror is not None:
        return f"{type(problem).__name__}: {problem.strerror}"
    return describe(problem)
