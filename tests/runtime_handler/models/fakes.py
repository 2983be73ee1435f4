"""A store and a clock that behave: what the model manager talks to, in memory."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import md5
from pathlib import Path

from runtime_handler.models.source import Source, SourceChanged, SourceError, SourceTooLarge, StoredObject


class Clock:
    """Time that passes when it is told to. Begins long after everything in a store was written."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeBucket:
    """A bucket: keys to bytes, with the time of each write; `requests` counts what was asked of it.

    `down` makes every request fail, with its text if it is one; `no_gets` that many GETs. `lying` makes listings empty while
    objects are still there.
    """

    def __init__(self, clock: Clock, files: dict[str, str] | None = None, *, age: float = 3600.0) -> None:
        self.clock = clock
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.requests: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()
        self.down: bool | str = False
        self.lying = False
        self.no_gets = 0
        for key, text in (files or {}).items():
            self.put(key, text, age=age)

    def put(self, key: str, text: str | bytes, *, age: float = 0.0) -> None:
        self.objects[key] = (text if isinstance(text, bytes) else text.encode(), self.clock() - age)

    def delete(self, prefix: str) -> None:
        self.objects = {key: value for key, value in self.objects.items() if not key.startswith(prefix)}

    def ask(self, what: str) -> None:
        self.requests[what] += 1
        if self.down:
            raise SourceError(self.down if isinstance(self.down, str) else "the store is down")
        if what == "get" and self.no_gets:
            self.no_gets -= 1
            raise SourceError("503 Slow Down")


class FakeSource:
    """A folder of a FakeBucket."""

    in_place: Path | None = None

    def __init__(self, bucket: FakeBucket, prefix: str) -> None:
        self.bucket, self.prefix = bucket, prefix

    def __str__(self) -> str:
        return f"s3://fake/{self.prefix}"

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        self.bucket.ask("list")
        prefix = self.prefix + folder
        found = [
            StoredObject(key[len(prefix) :], len(data), md5(data).hexdigest(), float(int(modified)))
            for key, (data, modified) in sorted(self.bucket.objects.items())
            if key.startswith(prefix) and not self.bucket.lying
        ]
        if at_most is not None and len(found) > at_most:
            raise SourceTooLarge("too many")
        return found

    def find(self, name: str) -> Sequence[StoredObject]:
        return [item for item in self.list() if item.path == name]

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        for item in objects:
            key = f"{self.prefix}{folder}{item.path}"
            self.bucket.ask("get")
            self.bucket.fetched[key] += 1
            data, _ = self.bucket.objects.get(key, (b"", 0))
            if md5(data).hexdigest() != item.etag:
                raise SourceChanged(f"{key} changed")
            file = target / item.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def read(self, path: str) -> bytes:
        self.bucket.ask("get")
        return self.bucket.objects[self.prefix + path][0]

    def gone(self, path: str) -> bool:
        self.bucket.ask("head")
        return self.prefix + path not in self.bucket.objects

    def now(self) -> float:
        return self.bucket.clock()


class NoPlace(FakeSource):
    """A folder that nobody may list."""

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        raise SourceError("AccessDenied", permanent=True)


class FakePlaces:
    """Opens every path as a folder of one FakeBucket; one that holds `forbidden` may not be listed."""

    def __init__(self, bucket: FakeBucket) -> None:
        self.bucket = bucket

    def source(self, path: str) -> Source:
        kind = NoPlace if "forbidden" in path else FakeSource
        return kind(self.bucket, path.removeprefix("s3://fake/").rstrip("/") + "/")


class Recording:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.values: list[tuple[str, float]] = []

    def record(self, metric: str, value: float, **dimensions: str) -> None:
        self.values.append((metric, value))

    def count(self, metric: str) -> int:
        return sum(name == metric for name, _ in self.values)
