"""Uploads in every order, with pauses and overwrites, while the manager polls: no half of one ever reaches a loader."""

import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from runtime_handler.models.layout import ONNX, PYTHON, TENSORFLOW, Layout
from runtime_handler.models.manager import Manager
from runtime_handler.models.source import Source, StoredObject
from tests.runtime_handler.models.builders import a_manager, until_next_scan
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces, FakeSource

POLL_S, SETTLE_S, FETCH_S = 10.0, 5.0, 0.5
TRIALS = int(os.environ.get("CXPACK_GATE_UPLOADS", "50"))
FILES: dict[Layout, Sequence[str]] = {
    PYTHON: ("model.pkl", "words.txt", "deep/config.json"),
    ONNX: ("model.onnx",),
    TENSORFLOW: ("saved_model.pb", "variables/variables.index", *(f"variables/variables.data-0000{n}-of-00002" for n in (0, 1))),
}

Write = tuple[float, str, str]


class Uploads:
    """Writes to come, in the order of their times; those whose time came are done whenever somebody looks at the bucket."""

    def __init__(self, bucket: FakeBucket, writes: Iterable[Write]) -> None:
        self.bucket = bucket
        self.writes = sorted(writes)

    def catch_up(self) -> None:
        while self.writes and self.writes[0][0] <= self.bucket.clock():
            moment, key, text = self.writes.pop(0)
            now, self.bucket.clock.now = self.bucket.clock.now, moment
            self.bucket.put(key, text)
            self.bucket.clock.now = now


class BusySource(FakeSource):
    """A source in which uploads go on while it is listed and read; each object takes FETCH_S to fetch."""

    def __init__(self, bucket: FakeBucket, prefix: str, uploads: Uploads) -> None:
        super().__init__(bucket, prefix)
        self.uploads = uploads

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        self.uploads.catch_up()
        return super().list(at_most, folder)

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        for item in objects:
            self.bucket.clock.sleep(FETCH_S)
            self.uploads.catch_up()
            super().fetch([item], folder, target)


class BusyPlaces(FakePlaces):
    def __init__(self, uploads: Uploads) -> None:
        super().__init__(uploads.bucket)
        self.uploads = uploads

    def source(self, path: str) -> Source:
        return BusySource(self.bucket, path.removeprefix("s3://fake/").rstrip("/") + "/", self.uploads)


def an_upload(
    chooser: random.Random, start: float, version: int, generation: int, files: Sequence[str], pause_s: float, marker: str | None
) -> list[Write]:
    """The files of one version in some order, up to `pause_s` apart, some of them twice; the marker, if any, comes last."""
    order = [*files, *chooser.choices(files, k=chooser.randrange(3))]
    chooser.shuffle(order)
    writes, now = [], start
    for file in [*order, marker] if marker else order:
        writes.append((now, f"models/a/{version}/{file}", f"{version}.{generation}"))
        now += chooser.uniform(0, pause_s)
    return writes


@pytest.mark.parametrize(("marker", "pause_s"), [(None, 4.0), ("_SUCCESS", 60.0)], ids=["settling", "marker"])
def test_no_half_upload_is_ever_loaded(tmp_path: Path, marker: str | None, pause_s: float) -> None:
    """What a loader is given is all of one generation of one version, and the last one is served a poll and a settle time later.

    Without a marker while no pause is longer than the settle time; with one whatever the pauses.
    """
    delays = []
    for trial in range(TRIALS):
        chooser = random.Random(trial)
        layout = chooser.choice(list(FILES))
        files = FILES[layout]
        old = [*files, marker] if marker else files
        bucket = FakeBucket(Clock(), {f"models/a/1/{file}": "1.0" for file in old})
        start = bucket.clock() + chooser.uniform(3, 13)  # the first start has fetched version 1 by then
        writes = an_upload(chooser, start, 2, 0, files, pause_s, marker)
        writes += an_upload(chooser, start + chooser.uniform(0, 60), 1, 1, files, pause_s, marker)
        begin_again = max(when for when, key, _ in writes if key.startswith("models/a/2/")) + chooser.uniform(5, 30)
        writes += an_upload(chooser, begin_again, 2, 1, files, pause_s, marker)
        done, end = writes[-1][0], max(when for when, _, _ in writes)
        uploads = Uploads(bucket, writes)
        torn: list[str] = []

        def load(path: Path, name: str, torn: list[str] = torn, files: Sequence[str] = files) -> str:
            texts = {file.relative_to(path).as_posix(): file.read_text() for file in path.rglob("*") if file.is_file()}
            if set(texts) != set(files) or len(set(texts.values())) != 1:
                torn.append(f"{texts}")
            return texts[files[0]]

        manager = a_manager(
            tmp_path / str(trial), bucket, layout=layout, load=load, places=BusyPlaces(uploads), marker=marker, settle_s=SETTLE_S
        )
        manager.start()
        values: dict[str, float] = {}

        def ask(manager: Manager = manager, values: dict[str, float] = values, clock: Clock = bucket.clock) -> None:
            values.setdefault(manager.get("a").value, clock())

        while bucket.clock() < end + 60:
            due = bucket.clock() + POLL_S
            manager.tick()
            ask()
            until_next_scan(manager, bucket.clock, due, ask)
        assert values.keys() <= {"1.0", "1.1", "2.0", "2.1"}
        assert torn == [], f"trial {trial}, {layout.name}"
        assert (manager.get("a").value, manager.get("a", 1).value) == ("2.1", "1.1"), f"trial {trial}, {layout.name}"
        delays.append(values["2.1"] - done)
    delays.sort()
    print(
        f"{TRIALS} uploads, {marker or 'no marker'}: served {delays[len(delays) // 2]:.0f} s after their end in the middle, ",
        end="",
    )
    print(f"{delays[int(len(delays) * 0.95)]:.0f} s at the 95th percentile, {delays[-1]:.0f} s at most; none was loaded in part")
    assert delays[-1] <= POLL_S + SETTLE_S + 2 * FETCH_S * max(map(len, FILES.values())) + 1
