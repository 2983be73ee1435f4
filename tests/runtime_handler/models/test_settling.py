"""The second look, between two scans, at models whose files may have settled: what it finds, and all that it leaves alone."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from runtime_handler.errors import ModelNotFound, VersionNotFound
from runtime_handler.models import local
from runtime_handler.models.layout import ONNX, PYTHON
from runtime_handler.models.manager import Manager
from runtime_handler.models.scan import Replica
from runtime_handler.models.settling import LOOKS
from runtime_handler.models.source import Source, StoredObject
from tests.runtime_handler.models.builders import Loader, a_manager, until_next_scan
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces, FakeSource

POLL_S, SETTLE_S = 10.0, 5.0


class Listings(FakePlaces):
    """Counts the folders that are listed, by their whole prefixes."""

    def __init__(self, bucket: FakeBucket) -> None:
        super().__init__(bucket)
        self.folders: Counter[str] = Counter()

    def source(self, path: str) -> Source:
        places = self

        class Counted(FakeSource):
            def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
                places.folders[self.prefix + folder] += 1
                return super().list(at_most, folder)

            def find(self, name: str) -> Sequence[StoredObject]:
                places.folders[self.prefix + name] += 1
                return [item for item in super().list() if item.path == name]

        return Counted(self.bucket, path.removeprefix("s3://fake/").rstrip("/") + "/")


def a_bucket(**files: str) -> FakeBucket:
    return FakeBucket(Clock(), {"models/" + name.replace("__", "/"): text for name, text in files.items()})


def scanned(manager: Manager, bucket: FakeBucket) -> None:
    """The next scan."""
    bucket.clock.sleep(POLL_S)
    manager.tick()


def settled(manager: Manager, bucket: FakeBucket) -> None:
    """As late as the first files may have settled, with a look at them."""
    wait = manager.settles_in()
    assert wait is not None
    bucket.clock.sleep(wait)
    manager.look_again()


def test_a_version_is_served_when_it_settles(tmp_path: Path) -> None:
    """The look comes the settle time after the scan that first saw the files, not before; scans are a poll apart all the same."""
    bucket = a_bucket(a__1__model="one", b__model="b")
    manager = a_manager(tmp_path, bucket, settle_s=SETTLE_S)
    manager.start()
    assert manager.settles_in() is None
    bucket.put("models/a/2/model", "two")
    manager.tick()
    seen = bucket.clock()
    assert manager.settles_in() == SETTLE_S
    bucket.clock.sleep(SETTLE_S - 0.5)
    requests = bucket.requests.copy()
    manager.look_again()
    assert (manager.get("a").value, bucket.requests) == ("one", requests)
    settled(manager, bucket)
    assert (manager.get("a").value, bucket.clock() - seen) == ("two", SETTLE_S)
    assert bucket.requests - requests == {"list": 1, "get": 1}
    assert manager.settles_in() is None


def test_idle_polls_cost_what_they_did(tmp_path: Path) -> None:
    """While nothing changes there is nothing to look at, and an upload costs one listing more."""
    bucket = a_bucket(a__1__model="one")
    manager = a_manager(tmp_path, bucket)
    manager.start()
    bucket.requests.clear()
    for poll in range(6):
        if poll == 3:
            bucket.put("models/a/1/model", "ONE")
        manager.tick()
        until_next_scan(manager, bucket.clock, bucket.clock() + POLL_S)
    assert bucket.requests == {"list": 6 + 1, "get": 1}
    assert manager.get("a").value == "ONE"


@pytest.mark.parametrize("key", ["models/a/2/model", "models/a/2/words", "models/a/3/model"])
def test_what_changed_meanwhile_settles_anew(tmp_path: Path, key: str) -> None:
    """Files that are new, or written again with the same bytes, have the whole settle time before them; others are served."""
    bucket = a_bucket(a__1__model="one")
    manager = a_manager(tmp_path, bucket, settle_s=SETTLE_S)
    manager.start()
    bucket.put("models/a/2/model", "two")
    manager.tick()
    bucket.clock.sleep(3)
    bucket.put(key, "two")
    settled(manager, bucket)
    assert manager.get("a").value == ("two" if "/3/" in key else "one")
    assert manager.settles_in() == SETTLE_S
    settled(manager, bucket)
    assert manager.get("a").value == ("two+two" if "words" in key else "two")
    assert manager.settles_in() is None


@pytest.mark.parametrize("fault", ["down", "lying", "deleted"])
def test_a_look_that_fails_or_lacks_objects_changes_nothing(tmp_path: Path, fault: str) -> None:
    """Then the model waits for the next scan, and is not asked for again before it."""
    bucket = a_bucket(a__1__model="one", a__1__words="w")
    manager = a_manager(tmp_path, bucket)
    manager.start()
    bucket.put("models/a/2/model", "two")
    manager.tick()
    before = manager.status()
    bucket.down, bucket.lying = fault == "down", fault == "lying"
    if fault == "deleted":
        bucket.delete("models/a/1/words")
    settled(manager, bucket)
    bucket.down = bucket.lying = False
    assert manager.status() == before
    assert (manager.get("a").value, manager.settles_in()) == ("one+w", None)
    scanned(manager, bucket)
    assert manager.get("a").value == "two"


def test_a_look_counts_no_deletion(tmp_path: Path) -> None:
    """A version that one scan lacked is dropped by the second scan, not by the look in which its successor settles."""
    bucket = a_bucket(a__1__model="one")
    manager = a_manager(tmp_path, bucket)
    manager.start()
    bucket.delete("models/a/1/")
    bucket.put("models/a/2/model", "two")
    manager.tick()
    settled(manager, bucket)
    assert (manager.get("a").value, manager.get("a", 1).value) == ("two", "one")
    scanned(manager, bucket)
    with pytest.raises(VersionNotFound):
        manager.get("a", 1)


def test_a_version_that_is_gone_is_not_looked_for(tmp_path: Path) -> None:
    """One that was deleted while it settled has nothing to settle any more."""
    bucket = a_bucket(a__1__model="one")
    manager = a_manager(tmp_path, bucket)
    manager.start()
    bucket.put("models/a/2/model", "two")
    manager.tick()
    bucket.delete("models/a/2/")
    bucket.clock.sleep(1)
    manager.tick()
    assert manager.settles_in() is None


def test_incomplete_files_are_not_looked_at(tmp_path: Path) -> None:
    """What is not whole cannot settle into something to serve: the scans will see its end."""
    bucket = a_bucket(a__1__model="one", a__1__done="")
    manager = a_manager(tmp_path, bucket, marker="done")
    manager.start()
    bucket.put("models/a/2/model", "two")
    manager.tick()
    assert manager.settles_in() is None


@pytest.mark.parametrize(
    ("models", "folder"),
    [
        ({"directory": "s3://fake/models"}, "models/a/"),
        ({"paths": {"a": "s3://fake/models/a"}}, "models/a/"),
        ({"paths": {"a": "s3://fake/models/a", "ab": "s3://fake/models/ab"}}, "models/a/"),
        ({"paths": {"a": "s3://fake/models/a/1/model.onnx"}}, "models/a/1/model.onnx"),
        ({"paths": {"a": "s3://fake/models/a/1/model.onnx", "b": "s3://fake/models/a/1/other.onnx"}}, "models/a/1/model.onnx"),
    ],
    ids=["dir", "path", "shared", "file", "shared files"],
)
def test_each_is_looked_at_where_it_lies(tmp_path: Path, models: dict[str, object], folder: str) -> None:
    """One listing of the model's own folder, or of its one file, wherever the scan found it."""
    bucket = a_bucket(**{"a__1__model.onnx": "one", "ab__1__model.onnx": "ab"})
    places = Listings(bucket)
    layout = ONNX if folder.endswith(".onnx") else PYTHON
    manager = a_manager(tmp_path, bucket, places=places, layout=layout, **models)  # type: ignore[arg-type]
    manager.start()
    bucket.put("models/a/1/model.onnx", "ONE")
    manager.tick()
    assert manager.get("a").value == "one"
    places.folders.clear()
    settled(manager, bucket)
    assert manager.get("a").value == "ONE"
    assert places.folders == {folder: 1}


def test_a_live_folder_is_looked_at_without_reading_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local model settles like one in a bucket; bytes that were read for the scan are not read for the look."""
    live, read, digest = tmp_path / "live", [], local._digest
    for name in ("a", "b"):
        (live / name / "1").mkdir(parents=True)
        (live / name / "1" / "model").write_text("one")
        os.utime(live / name / "1" / "model", (1, 1))
    clock = Clock()
    monkeypatch.setattr(local, "_digest", lambda file: read.append(file) or digest(file))
    manager = a_manager(tmp_path / "store", directory=str(live), clock=clock)
    manager.start()
    (live / "a" / "1" / "model").write_text("ONE!")
    clock.sleep(POLL_S)
    manager.tick()
    assert len(read) == 3
    clock.sleep(manager.settles_in() or 0.0)
    manager.look_again()
    assert (manager.get("a").value, manager.get("b").value, len(read)) == ("ONE!", "one", 3)


def test_processes_look_each_for_themselves(tmp_path: Path) -> None:
    """Those that share scans go on doing so: the next one is made by whoever is due, and is the next for all."""
    bucket = a_bucket(a__1__model="one")
    replica = Replica(since=0.0, poll_s=POLL_S)
    managers = [a_manager(tmp_path, bucket, replica=replica) for _ in range(3)]
    for manager in managers:
        manager.start()
    bucket.clock.sleep(POLL_S)
    bucket.put("models/a/2/model", "two")
    for manager in managers:
        manager.tick()
    bucket.requests.clear()
    bucket.clock.sleep(SETTLE_S)
    for manager in managers:
        manager.look_again()
    assert [manager.get("a").value for manager in managers] == ["two"] * 3
    assert bucket.requests == {"list": 3, "get": 1}
    bucket.clock.sleep(SETTLE_S)
    for manager in managers:
        manager.tick()
    assert bucket.requests == {"list": 4, "get": 1}


def test_a_pin_is_obeyed_with_the_scans(tmp_path: Path) -> None:
    """A look leaves it as it was, and reads no file for it."""
    bucket = a_bucket(a__1__model="one", **{"a__.cxpack__pins.json": '{"a": 1}'})
    manager = a_manager(tmp_path, bucket, paths={"a": "s3://fake/models/a"})
    manager.start()
    bucket.put("models/a/2/model", "two")
    manager.tick()
    bucket.requests.clear()
    bucket.put("models/a/.cxpack/pins.json", '{"a": 2}')
    settled(manager, bucket)
    assert (manager.get("a").value, manager.get("a", 2).value) == ("one", "two")
    assert bucket.requests == {"list": 1, "get": 1}
    scanned(manager, bucket)
    assert manager.get("a").value == "two"


def test_no_more_than_a_few_are_looked_at(tmp_path: Path) -> None:
    """Of many new models most wait for the next scan, which costs one listing for all of them."""
    bucket, load = a_bucket(a__model="one"), Loader()
    manager = a_manager(tmp_path, bucket, load=load)
    manager.start()
    for number in range(3 * LOOKS):
        bucket.put(f"models/m{number}/model", "new")
    manager.tick()
    bucket.requests.clear()
    settled(manager, bucket)
    assert (bucket.requests["list"], load.calls.count("new")) == (LOOKS, LOOKS)
    bucket.put("models/m0/model", "newer")
    assert manager.settles_in() is None
    manager.tick()
    assert load.calls.count("new") == 3 * LOOKS
    assert manager.settles_in() == SETTLE_S


def test_a_slow_store_is_not_asked_for_long(tmp_path: Path) -> None:
    """When the next scan is due, no further request begins; one that fails is the last."""
    bucket = a_bucket()

    class Slow(FakePlaces):
        def source(self, path: str) -> Source:
            class Late(FakeSource):
                def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
                    self.bucket.clock.sleep(2.0 if folder else 0.0)
                    return super().list(at_most, folder)

            return Late(self.bucket, "models/")

    manager = a_manager(tmp_path, bucket, places=Slow(bucket))
    manager.start()
    for number in range(10):
        bucket.put(f"models/m{number}/model", "new")
    manager.tick()
    bucket.requests.clear()
    bucket.clock.sleep(SETTLE_S)
    manager.look_again(patience_s=POLL_S - SETTLE_S)
    assert bucket.requests["list"] == 3
    assert sum(status.memory for status in manager.status()) == 3
    for number in range(10):
        bucket.put(f"models/m{number}/model", "newer")
    manager.tick()
    bucket.requests.clear()
    bucket.down = True
    settled(manager, bucket)
    assert bucket.requests["list"] == 1


def test_a_look_raises_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The thread that calls it must live on, whatever a source does."""
    bucket = a_bucket(a__1__model="one")

    class Broken(FakePlaces):
        def source(self, path: str) -> Source:
            class Raises(FakeSource):
                def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
                    if folder:
                        raise RuntimeError("never seen before")
                    return super().list(at_most)

            return Raises(self.bucket, "models/")

    manager = a_manager(tmp_path, bucket, places=Broken(bucket))
    manager.start()
    bucket.put("models/a/2/model", "two")
    manager.tick()
    settled(manager, bucket)
    assert "never seen before" in caplog.text
    scanned(manager, bucket)
    assert manager.get("a").value == "two"


def test_without_a_store_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    """An API whose models are loaded by folder has no scans either."""
    manager = a_manager(tmp_path, directory=None)
    manager.start()
    manager.look_again()
    assert manager.settles_in() is None
    with pytest.raises(ModelNotFound):
        manager.get("a")


def test_an_upload_that_never_ends_is_not_looked_at_for_ever(tmp_path: Path) -> None:
    """However short the settle time, looks between two scans are few; the next scan allows new ones."""
    bucket = a_bucket(a__1__model="one")
    manager = a_manager(tmp_path, bucket, settle_s=0.1)
    manager.start()
    for _ in range(2):
        bucket.put("models/a/2/model", "two")
        manager.tick()
        bucket.requests.clear()
        due = bucket.clock() + POLL_S
        until_next_scan(manager, bucket.clock, due, lambda: bucket.put("models/a/2/model", f"{bucket.clock()}"))
        assert bucket.requests["list"] == LOOKS
        assert (manager.get("a").value, bucket.clock()) == ("one", due)
