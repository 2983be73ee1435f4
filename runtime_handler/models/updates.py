"""The refresh step: scan, decide, load; what it does at the start, and at every tick after."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from runtime_handler.errors import StartError
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models.catalog import Catalog, Rules, from_disk, present, refresh, vanished
from runtime_handler.models.loads import Load
from runtime_handler.models.model import title
from runtime_handler.models.scan import Scan, Scans
from runtime_handler.models.shelf import Shelf
from runtime_handler.models.source import SourceError

log = logging.getLogger("cxpack.models")

START_PATIENCE_S = 60.0
"""How long a start waits for a store that does not answer."""

PARTIAL_PATIENCE_S = 5.0
"""How long a start waits for some of its model paths, or of its models, when it has others."""

KNOWN_PATIENCE_S = 1.0
"""How long a start waits for a store that does not answer, when the disk holds the models of an earlier run."""

DRAIN_S = 60.0
"""How long a request may use a model that was replaced or deleted before the log is told; it is never taken away."""

ASKED = 16
"""Of how many models that vanished from a listing the store is asked by name, before the listing is believed."""


class Updates:
    """Keeps a shelf in step with what the scanner sees; without one, there is nothing to see."""

    def __init__(
        self,
        shelf: Shelf,
        scanner: Scans | None,
        *,
        rules: Rules,
        copies: bool,
        recorder: Recorder,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        """`copies` says that models are copied to the disk tier, which otherwise need not be there."""
        self._shelf, self._scanner, self._rules, self._copies = shelf, scanner, rules, copies
        self._recorder, self.now, self._pause = recorder, clock, pause
        self._ticking = threading.Lock()
        self._heard = clock()

    def start(self) -> None:
        """The first scan and the loads that follow; waits for what will be ready soon. Raises StartError."""
        if self._scanner is None:
            return
        try:
            if self._copies:
                self._shelf.disk.open()
        except OSError as error:
            raise StartError(f"the model store cannot be used: {error}; CXPACK_MODEL_STORE names another folder") from error
        known = from_disk(self._shelf.disk.entries())
        scan = self._first_scan(self._scanner, known)
        catalog = self._refresh(known, scan)
        if scan.error is None:
            catalog = present(catalog)
        self._adopt(catalog)
        if scan.error is None and not scan.failed:
            self._shelf.clear_disk()
        patience = self.now() + max(2 * self._rules.settle_s, PARTIAL_PATIENCE_S)
        while (wait := self._soon()) is not None and self.now() < patience:
            self._pause(max(wait, 0.05))
            self.tick()

    def tick(self, *, wait: bool = True) -> float:
        """Scan and start the loads that follow; with `wait`, until they have ended. Never raises, never overlaps.

        Returns how many seconds ago the scan began.
        """
        begun = time.monotonic()
        if not self._ticking.acquire(blocking=False):
            return 0.0
        try:
            if self._scanner is not None:
                scan = self._checked(self._scanner.scan())
                begun = scan.begun
                self._note(scan)
                self._adopt(self._refresh(self._shelf.catalog, scan), wait=wait)
            self._shelf.disk.note_uses()
            self._shelf.loads.tidy()
            for key in self._shelf.memory.overdue(DRAIN_S):
                log.warning(
                    "%s version %s was replaced or deleted %.0f s ago, and a request still uses it; its memory is not free",
                    title(key.name),
                    key.version,
                    DRAIN_S,
                )
        except Exception:  # the loop that calls this must outlive whatever happens; the loaded models keep serving
            log.exception("refreshing the models failed; the loaded ones keep serving")
        finally:
            self._ticking.release()
        return time.monotonic() - begun

    def _first_scan(self, scanner: Scans, known: Catalog) -> Scan:
        begun, delay = self.now(), 0.25
        while True:
            scan = scanner.scan()
            error = scan.error or next(iter(scan.failed.values()), None)
            waited = self.now() - begun
            if (
                error is None
                or (known and waited >= KNOWN_PATIENCE_S)
                or (scan.models and (error.permanent or waited >= PARTIAL_PATIENCE_S))
            ):
                self._note(scan)
                return scan
            if not known and (error.permanent or waited >= START_PATIENCE_S):
                raise StartError(f"the models cannot be listed: {error}")
            self._pause(delay)
            delay = min(delay * 2, 5.0)

    def _refresh(self, known: Catalog, scan: Scan) -> Catalog:
        return refresh(known, scan, self._rules, now=self.now())

    def _adopt(self, catalog: Catalog, *, wait: bool = True) -> None:
        before = self._shelf.catalog
        self._shelf.adopt(catalog)
        _warn(before, catalog)
        due = self._shelf.due()
        alone = wait and len(due) == 1  # then a thread of its own would only cost: 10 ms of a Lambda function's start
        loads: Sequence[Load] = [self._shelf.loads.start(order, here=alone) for order in due]
        if wait:
            for load in loads:
                load.done.wait()

    def _checked(self, scan: Scan) -> Scan:
        """The scan without what the store itself contradicts when it is asked for an object by its name."""
        lost = vanished(self._shelf.catalog, scan)
        if not lost:
            return scan
        asked = sorted(lost)[:: max(1, len(lost) // ASKED)]
        if all(self._gone(name, lost[name]) for name in asked):
            return scan
        # It lacks what exists, or the store does not say: then nothing that it lacks is known to be gone.
        error = SourceError(f"the listing lacked objects of {len(lost)} models that are not known to be gone")
        models = {name: listed for name, listed in scan.models.items() if name not in lost}
        return scan._replace(models=models, failed={**scan.failed, **dict.fromkeys(lost, error)})

    def _gone(self, name: str, path: str) -> bool:
        listed = self._shelf.catalog[name].listed
        try:
            return listed is not None and listed.source.gone(listed.folder + path)
        except SourceError:
            return False

    def _note(self, scan: Scan) -> None:
        error = scan.error or next(iter(scan.failed.values()), None)
        if error is None:
            self._heard = self.now()
            return
        log.warning("the models may be stale: %s", error)
        self._recorder.record("SourceStale", max(0.0, self.now() - self._heard))

    def _soon(self) -> float | None:
        """Seconds until a model that has nothing to serve may have: whole files settle, or a failed fetch is due again."""
        waits = []
        for name, model in self._shelf.catalog.items():
            if name not in self._shelf.latest:
                for version in model.versions.values():
                    failure = self._shelf.loads.failures.get(version.id)
                    if version.problem is None and version.settled is None:
                        waits.append(version.since + self._rules.settle_s - self.now())
                    elif failure is not None and failure.store:
                        waits.append(failure.retry_at - self.now())
        return min(waits, default=None)


def _warn(before: Catalog, catalog: Catalog) -> None:
    """Tell the log once of files that belong to no version, and of versions that are not whole."""
    for name, model in catalog.items():
        known = before.get(name)
        if known is model:
            continue
        if model.stray and (known is None or known.stray != model.stray):
            log.warning("%s: %d files belong to no version, such as %r", title(name), len(model.stray), model.stray[0])
        for number, version in model.versions.items():
            old = known.versions.get(number) if known is not None else None
            if (
                version.steady
                and version.problem is not None
                and (old is None or not old.steady or old.problem != version.problem)
            ):
                log.warning("%s version %s is not served: %s", title(name), number, version.problem)
