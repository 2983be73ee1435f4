"""`kill -9` at random points, a full disk, two writers: what is on disk afterwards is whole, or is not there."""

import errno
import os
import random
import select
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime_handler.errors import ModelFailed
from runtime_handler.models.source import Source, StoredObject
from runtime_handler.models.workers import Workers
from tests.faults.victim import DISK, MODELS, a_store, manager_of
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces, FakeSource

KILLS = int(os.environ.get("CXPACK_GATE_KILLS", "20"))
ROOT = Path(__file__).parents[2]


def kill_at_random(store: Path, chooser: random.Random, seed: int) -> None:
    """Run a victim over a store and kill it within a tenth of a second of its work."""
    command = [sys.executable, "-m", "tests.faults.victim", str(store), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"started\n"
        select.select([victim.stdout], [], [], chooser.uniform(0, 0.1))
        victim.kill()


def test_a_killed_process_leaves_nothing_torn(tmp_path: Path) -> None:
    """The next start holds the limits before it downloads anything, loads only whole models, and serves all of them."""
    chooser = random.Random(0)
    for number in range(KILLS):
        kill_at_random(tmp_path, chooser, number)
        if number % 4:
            continue  # several crashes in a row, too
        bucket = a_store()
        manager = manager_of(tmp_path, bucket)
        manager.start()
        assert bucket.requests == {"list": 1}
        folders = [path for path in tmp_path.glob("api/*/*/*") if ".cxpack" not in path.parts]
        assert len(folders) == manager.cache().disk.used <= DISK
        assert list(tmp_path.glob("api/.cxpack/staging/*")) == []
        for name in MODELS:
            assert manager.get(name).value == f"{name}.0"
        manager.close()


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    """Two replicas' processes over one folder: both serve, and each version was downloaded once."""
    bucket = FakeBucket(Clock(), {f"models/m{number}/1/model": f"m{number}" for number in range(20)})
    together = threading.Barrier(2)

    def replica(_: int) -> list[object]:
        manager = a_manager(tmp_path, bucket, pool=Workers(4))
        together.wait(30)
        manager.start()
        return [manager.get(f"m{number}").value for number in range(20)]

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(replica, range(2))) == [[f"m{number}" for number in range(20)]] * 2
    assert set(bucket.fetched.values()) == {1}


class FullDisk(FakeSource):
    """A source whose second object does not fit on the disk any more."""

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        super().fetch(list(objects)[:1], folder, target)
        if "/b/" in f"/{self.prefix}{folder}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))


class FullDiskPlaces(FakePlaces):
    def source(self, path: str) -> Source:
        return FullDisk(self.bucket, path.removeprefix("s3://fake/").rstrip("/") + "/")


def test_a_full_disk_hurts_one_model_only(tmp_path: Path) -> None:
    """A fetch that the disk refuses is told as such and leaves nothing behind; the others serve."""
    bucket = FakeBucket(Clock(), {"models/a/1/model": "a", "models/b/1/model": "b", "models/b/1/more": "b"})
    manager = a_manager(tmp_path, bucket, places=FullDiskPlaces(bucket))
    manager.start()
    assert manager.get("a").value == "a"
    with pytest.raises(ModelFailed, match=r"cannot be loaded: OSError: No space left on device$"):
        manager.get("b")
    assert list(tmp_path.glob("api/.cxpack/staging/*")) == []
    assert manager.cache().disk.used == 1
