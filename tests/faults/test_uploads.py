"""Uploads in every order, with pauses and overwrites, while the manager polls: no half of one ever reaches a loader."""

import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from runtime_handler.models.layout import ONNX, PYTHON, TENSORFLOW, Layout
from runtime_handler.models.source import Source, StoredObject
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces, FakeSource

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
    """A source in which uploads go on while it is listed and read; each object takes half a second to fetch."""

    def __init__(self, bucket: FakeBucket, prefix: str, uploads: Uploads) -> None:
        super().__init__(bucket, prefix)
        self.uploads = uploads

    def list(self, at_most: int | None = None) -> Sequence[StoredObject]:
        self.uploads.catch_up()
        return super().list(at_most)

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        for item in objects:
            self.bucket.clock.sleep(0.5)
            self.uploads.catch_up()
            super().fetch([item], folder, target)


class BusyPlaces(FakePlaces):
    def __init__(self, uploads: Uploads) -> None:
        super().__init__(uploads.bucket)
        self.uploads = uploads

    def source(self, path: str) -> Source:
        return BusySource(self.bucket, path.removeprefix("s3://fake/").rstrip("/") + "/", self.uploads)


def an_upload(chooser: random.Random, start: float, version: int, generation: int, files: Sequence[str]) -> list[Write]:
    """The files of one version in some order, up to four seconds apart; some are written twice."""
    order = [*files, *chooser.choices(files, k=chooser.randrange(3))]
    chooser.shuffle(order)
    writes, now = [], start
    for file in order:
        writes.append((now, f"models/a/{version}/{file}", f"{version}.{generation}"))
        now += chooser.uniform(0, 4)
    return writes


def test_no_half_upload_is_ever_loaded(tmp_path: Path) -> None:
    """What a loader is given is all of one generation of one version, and the last one is served in the end."""
    for trial in range(TRIALS):
        chooser = random.Random(trial)
        layout = chooser.choice(list(FILES))
        files = FILES[layout]
        bucket = FakeBucket(Clock(), {f"models/a/1/{file}": "1.0" for file in files})
        start = bucket.clock() + chooser.uniform(0, 10)
        writes = an_upload(chooser, start, 2, 0, files)
        writes += an_upload(chooser, start + chooser.uniform(0, 60), 1, 1, files)
        writes += an_upload(chooser, writes[-1][0] + chooser.uniform(5, 30), 2, 1, files)
        uploads = Uploads(bucket, writes)
        torn: list[str] = []

        def load(path: Path, name: str, torn: list[str] = torn, files: Sequence[str] = files) -> str:
            texts = {file.relative_to(path).as_posix(): file.read_text() for file in path.rglob("*") if file.is_file()}
            if set(texts) != set(files) or len(set(texts.values())) != 1:
                torn.append(f"{texts}")
            return texts[files[0]]

        manager = a_manager(tmp_path / str(trial), bucket, layout=layout, load=load, places=BusyPlaces(uploads))
        manager.start()
        for _ in range(25):
            due = bucket.clock() + 10
            uploads.catch_up()
            manager.tick()
            bucket.clock.now = max(due, bucket.clock.now)
            assert manager.get("a").value in {"1.0", "1.1", "2.0", "2.1"}
        assert torn == [], f"trial {trial}, {layout.name}"
        assert (manager.get("a").value, manager.get("a", 1).value) == ("2.1", "1.1"), f"trial {trial}, {layout.name}"
