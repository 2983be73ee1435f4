"""The disk tier across restarts: what is whole stays, what is not goes, and what is not ours is left alone."""

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime_handler.errors import NoCapacity
from runtime_handler.models.catalog import Files
from runtime_handler.models.disk import DiskTier
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.model import ModelId
from runtime_handler.models.records import dump_record, load_record
from runtime_handler.models.source import StoredObject, fingerprint
from runtime_handler.models.store import Store

KEY = ModelId("a", 1)


def a_tier(root: Path, limit: int | None = None, budget: int | None = None) -> DiskTier:
    tier = DiskTier(Store(root / "api"), limit, budget, MemoryTier(None, None, clock=lambda: 0.0))
    tier.open()
    return tier


def some_files(text: str = "x", **more: str) -> Files:
    objects = tuple(StoredObject(path, len(data), data, 0.0) for path, data in sorted({"model": text, **more}.items()))
    return Files(
        folder="", objects=objects, fingerprint=fingerprint(objects), bytes=sum(item.size for item in objects), modified=0.0
    )


def fetch(files: Files) -> Callable[[Path], None]:
    """Writes the files; their ETags are their text."""

    def write(target: Path) -> None:
        for item in files.objects:
            (target / item.path).write_text(item.etag)

    return write


def never(target: Path) -> None:
    raise AssertionError("fetched again")


def stored(root: Path, key: ModelId = KEY, files: Files | None = None) -> Path:
    """A version on disk, its process gone."""
    tier, files = a_tier(root), files or some_files()
    with tier.version(key, files, fetch(files)) as folder:
        pass
    tier.close()
    return folder


def test_no_room_for_the_record_leaves_nothing(tmp_path: Path) -> None:
    """A disk that has room for a version and none for its record keeps neither, so that nothing is on it uncounted."""
    tier, files = a_tier(tmp_path), some_files()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))
    try:
        with pytest.raises(OSError, match="File too large"), tier.version(KEY, files, fetch(files)):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert {path.relative_to(tmp_path).parts[2] for path in tmp_path.rglob("*") if path.is_file()} == {"locks"}
    assert tier.status().used == 0
    with tier.version(KEY, files, fetch(files)) as folder:
        assert (folder / "model").read_text() == "x"


def test_a_whole_version_outlives_the_process(tmp_path: Path) -> None:
    """The next process finds it and fetches nothing."""
    stored(tmp_path)
    with a_tier(tmp_path).version(KEY, some_files(), never) as folder:
        assert [path.name for path in folder.iterdir()] == ["model"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder, record: (folder / "model").write_text("longer"),
        lambda folder, record: (folder / "model").unlink(),
        lambda folder, record: (folder / "extra").write_text("x"),
        lambda folder, record: record.unlink(),
        lambda folder, record: record.write_text(record.read_text()[:40]),
        lambda folder, record: record.write_text("{}"),
        lambda folder, record: folder.rename(folder.parent / "elsewhere"),
    ],
    ids=["size", "missing file", "extra file", "no record", "half a record", "empty record", "moved"],
)
def test_a_damaged_version_is_removed_and_fetched_again(tmp_path: Path, damage: Callable[[Path, Path], object]) -> None:
    """What does not match its record, and records that match nothing, do not outlive the next start."""
    folder = stored(tmp_path)
    [record] = (tmp_path / "api" / ".cxpack" / "records").iterdir()
    damage(folder, record)
    tier = a_tier(tmp_path)
    assert tier.entries() == {}
    assert not list((tmp_path / "api" / "a").glob("1/*"))
    with tier.version(KEY, some_files(), fetch(some_files())) as again:
        assert (again / "model").read_text() == "x"


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    """Staging is emptied at the start."""
    tier = a_tier(tmp_path)
    (tmp_path / "api" / ".cxpack" / "staging" / "half" / "deep").mkdir(parents=True)
    (tmp_path / "api" / ".cxpack" / "staging" / "half.json").write_text("{")
    tier.close()
    a_tier(tmp_path)
    assert list((tmp_path / "api" / ".cxpack" / "staging").iterdir()) == []


def test_a_live_neighbour_is_not_swept(tmp_path: Path) -> None:
    """While another process uses the folder, what it is writing is left alone."""
    first = a_tier(tmp_path)
    (tmp_path / "api" / ".cxpack" / "staging" / "writing").mkdir()
    a_tier(tmp_path)
    assert (tmp_path / "api" / ".cxpack" / "staging" / "writing").is_dir()
    first.close()


class Shared(type(Path())):  # type: ignore[misc]  # a class whose name differs between systems
    """A folder of records in which another process removes one that was just listed."""

    def glob(self, pattern: str) -> Iterator[Path]:
        for number, record in enumerate(sorted(super().glob(pattern))):
            if number == 1:
                record.unlink()
            yield record


def test_a_start_beside_a_process_that_removes_versions(tmp_path: Path) -> None:
    """A record that is gone before it is read is passed over, and the start goes on with the others."""
    for number in range(3):
        stored(tmp_path, ModelId("a", number), some_files(str(number)))
    a_tier(tmp_path)
    store = Store(tmp_path / "api")
    store._records = Shared(store._records)
    assert len(store.enter()) == 2


def test_versions_may_be_removed_while_others_of_the_model_are_written(tmp_path: Path) -> None:
    """By another process, too: the folders that versions share come and go, and nobody's files are lost with them."""

    def come_and_go(number: int) -> None:
        store, files = Store(tmp_path), some_files(str(number))
        store.enter()
        for _ in range(120):
            folder = store.fetch((KEY, files.fingerprint), files, fetch(files))
            assert (folder / "model").read_text() == str(number)
            store.remove((KEY, files.fingerprint))

    with ThreadPoolExecutor(3) as processes:
        list(processes.map(come_and_go, range(3)))


@pytest.mark.parametrize("folder", ["records", "staging", "locks", "scans"])
def test_bookkeeping_that_somebody_removes_is_made_again(tmp_path: Path, folder: str) -> None:
    """Programs that clean temporary folders may take any part of it, and models are fetched all the same."""
    tier, files = a_tier(tmp_path), some_files()
    shutil.rmtree(tmp_path / "api" / ".cxpack" / folder)
    with tier.version(KEY, files, fetch(files)) as whole:
        assert (whole / "model").read_text() == "x"
    tier.drop(KEY)
    assert not whole.exists()


def test_a_note_of_uses_goes_with_its_version(tmp_path: Path) -> None:
    """Also one that a process wrote when another had removed the version, or that a crash has left."""
    stored(tmp_path)
    store = Store(tmp_path / "api")
    store.enter()
    [record] = (tmp_path / "api" / ".cxpack" / "records").iterdir()
    store.note_use((KEY, some_files().fingerprint), 7.0)
    store.note_use((ModelId("gone", 1), "f"), 7.0)
    store.leave()
    [found] = Store(tmp_path / "api").enter()
    assert found.used == 7.0
    assert {file.name for file in record.parent.iterdir()} == {record.name, record.with_suffix(".used").name}


def test_other_apis_folders_are_left_alone(tmp_path: Path) -> None:
    """One API's limits and sweeps never touch another's files."""
    theirs = tmp_path / "other" / "a" / "1" / "anything" / "model"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    stored(tmp_path)
    a_tier(tmp_path, limit=0)
    assert theirs.read_text() == "theirs"
    assert not list((tmp_path / "api").glob("a/*"))


def test_a_start_evicts_down_to_new_limits(tmp_path: Path) -> None:
    """Limits that became smaller hold before anything is downloaded; the latest writes stay."""
    for number in range(4):
        stored(tmp_path, ModelId("a", number), some_files(str(number)))
    assert {key.version for key, _ in a_tier(tmp_path, limit=2).entries()} == {2, 3}


def test_a_failed_fetch_leaves_room_and_nothing_behind(tmp_path: Path) -> None:
    """An exception of the fetch goes through; its slot and its files are gone."""
    tier = a_tier(tmp_path, limit=1)

    def fail(target: Path) -> None:
        (target / "model").write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"), tier.version(KEY, some_files(), fail):
        pass
    assert tier.status().used == 0
    assert list((tmp_path / "api" / ".cxpack" / "staging").iterdir()) == []


def test_bytes_are_limited_before_the_first_one_is_written(tmp_path: Path) -> None:
    """A version beyond the budget is refused and evicts nobody; one that fits takes the place of older ones."""
    tier = a_tier(tmp_path, budget=10)
    for number in range(3):
        files = some_files("1234")
        with tier.version(ModelId("a", number), files, fetch(files)):
            pass
    assert {key.version for key, _ in tier.entries()} == {1, 2}
    large = some_files("12345678901")
    with pytest.raises(NoCapacity, match="more than the disk_cache_bytes of 10"), tier.version(KEY, large, never):
        pass
    assert tier.status().used == 2


def test_a_version_that_does_not_fit_beside_what_is_read_removes_nobody(tmp_path: Path) -> None:
    """Refused, it leaves the others and their order as they were; once nobody reads any more, it takes their place."""
    tier, small, large = a_tier(tmp_path, budget=30), some_files("0123456789"), some_files("x" * 15)
    for number in range(3):
        with tier.version(ModelId("a", number), small, fetch(small)):
            pass
    with tier.version(ModelId("a", 0), small, never), tier.version(ModelId("a", 1), small, never):
        with pytest.raises(NoCapacity, match="the disk cache is full"), tier.version(ModelId("b", 1), large, never):
            pass
        assert {key.version for key, _ in tier.entries()} == {0, 1, 2}
    with tier.version(ModelId("b", 1), large, fetch(large)):
        pass
    assert [key for key, _ in tier.entries()] == [("a", 1), ("b", 1)]


def test_records_come_back_as_they_were() -> None:
    """A record tells version and files; any other JSON is told as none."""
    key, files = (ModelId("ä/b", -3), some_files().fingerprint), some_files(words="y")
    assert load_record(dump_record((key[0], files.fingerprint), files)) == ((key[0], files.fingerprint), files)
    for text in ("", "[]", "3", json.dumps({"objects": [[1]]})):
        with pytest.raises(ValueError):
            load_record(text)
