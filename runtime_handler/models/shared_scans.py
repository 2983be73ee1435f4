"""One scan for all processes of a replica: one of them lists the store, the others read what it saw.

The newest scan is a file in the model store, written beside and renamed, with the time at which it began. Who is due and
finds none newer than the last that it took scans itself, behind a lock; so each process takes each scan once, and no two
begin closer together than one process would begin them. The lock ends with its holder, and nobody waits for one that is
stuck. Scans that saw errors are not shared: every process asks for itself then.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from runtime_handler.contract import ModelsSpec
from runtime_handler.models.places import Opens
from runtime_handler.models.scan import Listed, Replica, Scan, Scans
from runtime_handler.models.source import StoredObject

PATIENCE_S = 60.0
"""How long a process waits for the scan of another before it scans itself."""

_LOOK_S = 0.02
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def may_share(spec: ModelsSpec) -> bool:
    """Whether all models lie in S3: folders of this machine are read by whoever wants to know."""
    return bool(spec.places) and all(place.startswith("s3://") for place in spec.places)


class SharedScans:
    """What `scanner` sees, shared through `folder` with every process that serves the same `spec`."""

    def __init__(
        self,
        scanner: Scans,
        spec: ModelsSpec,
        places: Opens,
        folder: Path,
        replica: Replica,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` is the one that stamps scans, the same in all processes; `pause` waits for the scan of another."""
        self._scanner, self._places, self._replica, self._clock, self._pause = scanner, places, replica, clock, pause
        self._file = folder / _name(spec)
        self._taken: Scan | None = None
        self._looked = 0.0
        self._body = b""

    def scan(self) -> Scan:
        """The scan of another process that this one has not had yet, or one of its own. For one thread at a time."""
        entered = self._clock()
        with self._turn(entered):
            return self._news(entered) or self._own()

    def again(self, name: str, listed: Listed) -> Listed:
        """See `Scans.again`; each process looks for itself, at what it waits for. Earlier scans are no news from then on."""
        self._looked = self._clock()
        return self._scanner.again(name, listed)

    @contextmanager
    def _turn(self, entered: float) -> Iterator[None]:
        lock = self._lock(entered)
        try:
            yield
        finally:
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_UN)  # said aloud: a process that was forked meanwhile holds the same lock
                lock.close()

    def _lock(self, entered: float) -> TextIO | None:
        """The lock, once whoever scans now is done or ended; None when there is news, or one that takes too long, or no lock."""
        with suppress(OSError), ExitStack() as stack:  # a disk that cannot be written, or cannot lock: each scans for itself
            lock = stack.enter_context(self._file.with_suffix(".lock").open("a"))
            while not self._is_news(_begun(self._file), entered) and self._clock() - entered < PATIENCE_S:
                if _locked(lock.fileno()):
                    stack.pop_all()
                    return lock
                self._pause(_LOOK_S)
        return None

    def _own(self) -> Scan:
        scan = self._scanner.scan()
        if scan.error is None and not scan.failed:
            if self._taken is None or not _alike(self._taken, scan):
                self._body = dump_models(scan.models)
            with suppress(OSError):  # a full disk: the others scan themselves
                self._publish(scan)
        self._taken = scan
        return scan

    def _publish(self, scan: Scan) -> None:
        published = _begun(self._file)
        if published is not None and scan.begun < published <= self._clock():
            return  # we were stuck, and another went ahead
        clocks = {str(listed.source): listed.now for listed in scan.models.values()}
        with _beside(self._file) as draft:
            draft.write_bytes(json.dumps({"begun": scan.begun, "now": clocks}).encode() + b"\n" + self._body)

    def _is_news(self, begun: float | None, entered: float) -> bool:
        """Whether a scan of that time is to be taken: at first only one no older than a poll, nor than the replica."""
        if begun is None or begun > self._clock():
            return False
        if self._taken is None:
            return begun >= max(self._replica.since, entered - self._replica.poll_s)
        return begun > max(self._taken.begun, self._looked)

    def _news(self, entered: float) -> Scan | None:
        try:
            with self._file.open("rb") as file:
                head = json.loads(file.readline())
                if not self._is_news(head["begun"], entered):
                    return None
                body = file.read()
            scan = Scan(models=self._models(body, head["now"]), begun=head["begun"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # none yet, or none of ours
        self._taken, self._body = scan, body
        return scan

    def _models(self, body: bytes, clocks: Mapping[str, float]) -> Mapping[str, Listed]:
        if self._taken is not None and body == self._body and not self._taken.failed and self._taken.error is None:
            known = self._taken.models
            return {name: listed._replace(now=clocks[str(listed.source)]) for name, listed in known.items()}
        return load_models(body, self._places, clocks)


def dump_models(models: Mapping[str, Listed]) -> bytes:
    """The text of what a scan saw, but for the sources' clocks."""
    return json.dumps(
        {name: [str(listed.source), listed.folder, listed.pin, listed.objects] for name, listed in models.items()}
    ).encode()


def load_models(text: bytes, places: Opens, clocks: Mapping[str, float]) -> Mapping[str, Listed]:
    """What `dump_models` wrote down, with the clock of each source."""
    data: dict[str, Any] = json.loads(text)
    return {
        name: Listed(
            source=places.source(source),
            folder=folder,
            objects=tuple(StoredObject(*item) for item in objects),
            now=clocks[source],
            pin=pin,
        )
        for name, (source, folder, pin, objects) in data.items()
    }


def _alike(one: Scan, other: Scan) -> bool:
    """Whether both saw the same, so that both have the same text."""
    return (
        one.error is None
        and not one.failed
        and one.models.keys() == other.models.keys()
        and all(
            (mine.folder, mine.pin, str(mine.source)) == (its.folder, its.pin, str(its.source)) and mine.objects == its.objects
            for mine, its in ((listed, other.models[name]) for name, listed in one.models.items())
        )
    )


def _name(spec: ModelsSpec) -> str:
    """A file's name for those who look at the same places, and whose clocks are the same."""
    boot = _BOOT.read_text() if _BOOT.exists() else ""
    return sha256(json.dumps([boot, spec.dir, [[path.name, path.path] for path in spec.paths]]).encode()).hexdigest()[:32]


def _begun(file: Path) -> float | None:
    try:
        with file.open("rb") as text:
            return float(json.loads(text.readline())["begun"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _locked(descriptor: int) -> bool:
    """Take the lock if it is free; whether it was. Raises OSError where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A draft that takes the file's place, or is removed."""
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        yield draft
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
