"""The refresh step: scan, decide, load; what it does at the start, at every tick after, and between two of them."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from runtime_handler.errors import StartError
from runtime_handler.metrics.recorder import Recorder
from runtime_handler.models.catalog import Catalog, Rules, from_disk, look_again, present, refresh, vanished
from runtime_handler.models.loads import Load
from runtime_handler.models.model import title
from runtime_handler.models.scan import Listed, Scan, Scans
from runtime_handler.models.settling import Settling
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
        self._settling = Settling(rules.settle_s)
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

        def step() -> None:
            nonlocal begun
            if self._scanner is not None:
                scan = self._checked(self._scanner.scan())
                begun = scan.begun
                self._note(scan)
                self._settling.scanned()
                self._adopt(self._refresh(self._shelf.catalog, scan), wait=wait)
            self._tidy()

        return time.monotonic() - begun if self._alone(step) else 0.0

    def settles_in(self) -> float | None:
        """Seconds until files that are whole may have settled, 0 when they may have already; None: none are waiting."""
        first = self._settling.first()
        return None if first is None else max(0.0, first - self.now())

    def look_again(self, *, patience_s: float = math.inf, wait: bool = True) -> None:
        """Look at the models whose files may have settled, and start the loads that follow; with `wait`, until they have ended.

        For between two scans: see `settling.LOOKS` for how many. The store is not asked again after `patience_s` seconds,
        nor when it does not answer. What this look does not see waits for the next scan. Never raises, never overlaps.
        """

        def step() -> None:
            if seen := self._second_look(self.now() + patience_s):
                self._adopt(look_again(self._shelf.catalog, seen, self._rules, now=self.now()), wait=wait)

        self._alone(step)

    def _alone(self, step: Callable[[], None]) -> bool:
        """Run a step unless one is running; whether it was run, to its end or to an error."""
        if not self._ticking.acquire(blocking=False):
            return False
        try:
            step()
        except Exception:  # the loop that calls this must outlive whatever happens; the loaded models keep serving
            log.exception("refreshing the models failed; the loaded ones keep serving")
        finally:
            self._ticking.release()
        return True

    def _tidy(self) -> None:
        self._shelf.disk.note_uses()
        self._shelf.loads.tidy()
        for key in self._shelf.memory.overdue(DRAIN_S):
            log.warning(
                "%s version %s was replaced or deleted %.0f s ago, and a request still uses it; its memory is not free",
                title(key.name),
                key.version,
                DRAIN_S,
            )

    def _second_look(self, deadline: float) -> dict[str, Listed]:
        seen: dict[str, Listed] = {}
        for name in self._settling.due(self.now()):
            listed = self._shelf.catalog[name].listed
            if listed is None or self._scanner is None or self.now() > deadline:
                break
            try:
                seen[name] = self._scanner.again(name, listed)
            except SourceError as error:
                if not error.permanent:
                    break  # asking a store that is down for the next one would take as long
        return seen

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
        changed = self._shelf.adopt(catalog)
        for name in changed:
            self._settling.note(name, catalog.get(name))
        _warn(before, catalog, sorted(changed & catalog.keys()))
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
        served = self._shelf.latest
        settled = self._settling.first(besides=served)
        failures = self._shelf.loads.failures.all()
        times = [failure.retry_at for key, failure in failures if failure.store and key.name not in served]
        times += [settled] if settled is not None else []
        return min(times) - self.now() if times else None


def _warn(before: Catalog, catalog: Catalog, changed: Iterable[str]) -> None:
    """Tell the log once of files that belong to no version, and of versions that are not whole."""
    for name in changed:
        known, model = before.get(name), catalog[name]
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
