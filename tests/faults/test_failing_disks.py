"""A disk that is full, that takes nothing any more, or that cannot be read, as the kernel itself says it: who is known serves."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_handler.errors import ModelFailed
from runtime_handler.models.manager import Manager
from tests.runtime_handler.models.builders import Loader, a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

SIZE = 300_000
UNREADABLE = "/proc/self/mem"
"""Whoever reads its beginning gets EIO, of the kernel's own making."""


class Disk:
    """A file system of a megabyte, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mounts = 0
        self._mount("-t", "tmpfs", "-o", "size=1m", "none")

    def read_only(self) -> None:
        """As disks become on which errors were seen."""
        self._mount("--bind", self.folder)
        self._mount("-o", "remount,bind,ro")
        self._mounts -= 1

    def writable(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)
        self._mounts -= 1

    def remove(self) -> None:
        while self._mounts:
            self.writable()

    def _mount(self, *arguments: str | Path) -> None:
        subprocess.run(["mount", *arguments, self.folder], check=True, capture_output=True)
        self._mounts += 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = Disk(folder)
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    yield mounted
    mounted.remove()


def a_bucket(*names: str) -> FakeBucket:
    return FakeBucket(Clock(), {f"models/{name}/1/model": name * SIZE for name in names})


def started(store: Path, bucket: FakeBucket, cache: tuple[int, int] | None = None, load: Loader | None = None) -> Manager:
    manager = a_manager(store, bucket, cache=cache, load=load)
    manager.start()
    return manager


def poll(manager: Manager, bucket: FakeBucket, times: int = 2) -> None:
    for _ in range(times):
        bucket.clock.sleep(10)
        manager.tick()


def served(manager: Manager, *names: str) -> list[str]:
    """The first letter of what each model's files hold."""
    values = [manager.get(name).value for name in names]
    assert all(isinstance(value, str) and value == value[0] * SIZE for value in values)
    return [str(value)[0] for value in values]


def staged(disk: Disk) -> list[Path]:
    return list(disk.folder.glob("api/.cxpack/staging/*"))


def test_a_full_disk_serves_what_it_holds(disk: Disk) -> None:
    """What found no room says so and leaves nothing; a restart fetches none of the rest again; room that comes is used."""
    bucket = a_bucket("a", "b", "c", "d", "e")
    manager = started(disk.folder, bucket)
    assert served(manager, "a", "b", "c") == ["a", "b", "c"]
    for name in ("d", "e"):
        with pytest.raises(ModelFailed, match="cannot be loaded: OSError: No space left on device"):
            manager.get(name)
    assert staged(disk) == []
    manager.close()
    bucket.fetched.clear()
    manager = started(disk.folder, bucket)
    assert served(manager, "a", "b", "c") == ["a", "b", "c"]
    assert bucket.fetched.keys() <= {"models/d/1/model", "models/e/1/model"}
    bucket.delete("models/a/")
    poll(manager, bucket, 4)
    assert served(manager, "b", "c", "d") == ["b", "c", "d"]


def test_a_disk_that_takes_nothing_any_more_serves_what_it_holds(disk: Disk) -> None:
    """Models in memory and on disk go on, however often others are asked for; the store's changes do not confuse them."""
    bucket, load = a_bucket("a", "b", "c"), Loader()
    manager = started(disk.folder, bucket, (1, 2), load)
    assert served(manager, "a", "b") == ["a", "b"]
    disk.read_only()
    for _ in range(3):
        with pytest.raises(ModelFailed, match="OSError: Read-only file system"):
            manager.get("c")
        assert served(manager, "a", "b", "a") == ["a", "b", "a"]
        bucket.clock.sleep(60)
    bucket.delete("models/a/")
    bucket.put("models/b/2/model", "b" * SIZE, age=60)
    poll(manager, bucket)
    assert {status.name for status in manager.status()} == {"b", "c"}
    assert served(manager, "b") == ["b"]
    disk.writable()
    bucket.clock.sleep(600)
    poll(manager, bucket)
    assert served(manager, "c", "b") == ["c", "b"]
    assert bucket.fetched["models/b/1/model"] == 1
    manager.close()
    assert served(started(disk.folder, bucket, (1, 2)), "b", "c") == ["b", "c"]
    assert len(list(disk.folder.glob("api/?/*/*"))) == 2


@pytest.mark.parametrize("what", ["files", "record"])
def test_what_cannot_be_read_at_a_start_is_fetched_again(tmp_path: Path, what: str) -> None:
    """An input/output error of a version's file or record costs a download, and no other version."""
    bucket = a_bucket("a", "b")
    started(tmp_path, bucket).close()
    [record] = [file for file in tmp_path.glob("api/.cxpack/records/*.json") if '"name": "a"' in file.read_text()]
    [file] = tmp_path.glob("api/a/1/*/model")
    damaged = file if what == "files" else record
    damaged.unlink()
    damaged.symlink_to(UNREADABLE)
    bucket.fetched.clear()
    assert served(started(tmp_path, bucket), "a", "b") == ["a", "b"]
    assert bucket.fetched == {"models/a/1/model": 1}


def test_what_cannot_be_read_when_it_is_loaded_is_fetched_again(tmp_path: Path) -> None:
    """The request is told, others go on, and the next attempt loads another copy rather than the damaged one."""
    bucket = a_bucket("a", "b")
    manager = started(tmp_path, bucket, (1, 2))
    assert served(manager, "a", "b") == ["a", "b"]
    [file] = tmp_path.glob("api/a/1/*/model")
    file.unlink()
    file.symlink_to(UNREADABLE)
    with pytest.raises(ModelFailed, match="cannot be loaded: OSError: Input/output error"):
        manager.get("a")
    assert served(manager, "b") == ["b"]
    bucket.clock.sleep(11)
    assert served(manager, "a", "b") == ["a", "b"]
