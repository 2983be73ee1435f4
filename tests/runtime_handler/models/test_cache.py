"""The two-tier cache as requests see it: who is in memory, who is on disk, who waits, who is refused."""

import random
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runtime_handler.errors import ModelFailed, ModelLoading, ModelNotFound, NoCapacity
from runtime_handler.models import lease
from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.model import Model, ModelId
from runtime_handler.models.resident import Resident
from runtime_handler.models.status import WAITS
from runtime_handler.models.workers import Workers
from tests.runtime_handler.models.builders import Loader, a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, Recording


def a_bucket(*names: str) -> FakeBucket:
    return FakeBucket(Clock(), {f"models/{name}/1/model": name for name in names})


def started(store: Path, bucket: FakeBucket, cache: tuple[int, int] | None, **more: object) -> Manager:
    manager = a_manager(store, bucket, cache=cache, **more)  # type: ignore[arg-type]  # defaults are overridden by name
    manager.start()
    return manager


def request(manager: Manager, name: str, version: str | int | None = None) -> object:
    with Lease():
        return manager.get(name, version).value


def tiers(manager: Manager) -> tuple[set[str], set[str]]:
    """Names in memory and on disk, of models with one version each."""
    status = manager.status()
    return {item.name for item in status if item.memory}, {item.name for item in status if item.disk}


def test_nothing_is_loaded_before_it_is_asked_for(tmp_path: Path) -> None:
    """With a cache, a start lists; the first request for a model fetches and loads it."""
    bucket, recorder = a_bucket("a", "b"), Recording()
    manager = started(tmp_path, bucket, (1, 2), recorder=recorder)
    assert tiers(manager) == (set(), set())
    assert [status.state for status in manager.status()] == ["ready", "ready"]
    assert [request(manager, "a"), request(manager, "a")] == ["a", "a"]
    assert tiers(manager) == ({"a"}, {"a"})
    request(manager, "a")
    manager.tick()
    manager.tick()
    counted = {name: value for name, value in recorder.values if name.startswith("ModelCache")}
    assert (counted, recorder.count("ModelLoad")) == ({"ModelCacheMiss": 1, "ModelCacheHit": 2}, 1)


def test_only_what_exists_can_be_missed(tmp_path: Path) -> None:
    """Requests for unknown models and versions are no cache misses; one for a version that cannot be loaded is."""
    bucket, recorder = a_bucket("a"), Recording()
    manager = started(tmp_path, bucket, (1, 2), recorder=recorder)
    for name, version in (("zz", None), ("a", 7)):
        with pytest.raises(ModelNotFound):
            request(manager, name, version)
    manager.tick()
    assert recorder.count("ModelCacheMiss") == 0
    bucket.down = True
    with pytest.raises(ModelFailed):
        request(manager, "a")
    manager.tick()
    assert [value for name, value in recorder.values if name == "ModelCacheMiss"] == [1]


def test_the_least_recently_used_leave(tmp_path: Path) -> None:
    """Cache 2/4: after a, b, c, d and a again, memory holds a and d, and the disk all four."""
    manager = started(tmp_path, a_bucket("a", "b", "c", "d"), (2, 4))
    for name in ("a", "b", "c", "d", "a"):
        request(manager, name)
    assert tiers(manager) == ({"a", "d"}, {"a", "b", "c", "d"})


def test_cortexs_example_of_three_versions_in_a_cache_of_one_and_two(tmp_path: Path) -> None:
    """After the second version, the first leaves memory; after the third, the second does, and the first leaves the disk."""
    bucket = FakeBucket(Clock(), {f"models/a/{version}/model": str(version) for version in (1, 2, 3)})
    manager = started(tmp_path, bucket, (1, 2))
    seen = []
    for version in (1, 2, 3):
        request(manager, "a", version)
        status = manager.status()
        seen.append(([item.version for item in status if item.memory], [item.version for item in status if item.disk]))
    assert seen == [([1], [1]), ([2], [1, 2]), ([3], [2, 3])]


def test_a_model_on_disk_is_not_fetched_again(tmp_path: Path) -> None:
    """The disk tier saves the download when a model returns to memory."""
    bucket = a_bucket("a", "b")
    manager = started(tmp_path, bucket, (1, 2))
    for name in ("a", "b", "a"):
        request(manager, name)
    assert bucket.requests["get"] == 2


@pytest.mark.parametrize("cache", [(1, 1), (1, 2), (2, 2)])
def test_a_model_that_cannot_be_fetched_costs_no_other(tmp_path: Path, cache: tuple[int, int]) -> None:
    """While the store is down, requests for a cold model fail alone: whatever memory and disk held goes on answering."""
    bucket = a_bucket("a", "b", "c")
    manager = started(tmp_path, bucket, cache)
    served = ["a", "b"][-cache[1] :]
    for name in served:
        request(manager, name)
    before = tiers(manager)
    bucket.down = True
    for _ in range(3):
        with pytest.raises(ModelFailed):
            request(manager, "c")
        assert tiers(manager) == before
        bucket.clock.sleep(60)
    assert [request(manager, name) for name in served] == served
    bucket.down = False
    bucket.clock.sleep(60)
    assert request(manager, "c") == "c"


def test_the_store_is_asked_only_before_something_leaves_for_a_download(tmp_path: Path) -> None:
    """Downloads into free room, and loads from disk, cost no request more; one that others must leave for costs one."""
    bucket = a_bucket("a", "b", "c")
    manager = started(tmp_path, bucket, (1, 2))
    for name in ("a", "b", "a", "b"):
        request(manager, name)
    assert bucket.requests == {"list": 1, "get": 2}
    request(manager, "c")
    assert bucket.requests == {"list": 1, "get": 3, "head": 1}


def test_a_fetch_that_fails_half_way_costs_no_place_in_memory(tmp_path: Path) -> None:
    """Room on disk is taken for it once, whatever is tried afterwards; the loaded models stay."""
    bucket = a_bucket("a", "b", "c", "d")
    manager = started(tmp_path, bucket, (2, 4))
    for name in "abcd":
        request(manager, name)
    bucket.put("models/e/1/model", "e", age=60)
    manager.tick()
    for _ in range(3):
        bucket.no_gets = 1
        with pytest.raises(ModelFailed):
            request(manager, "e")
        bucket.clock.sleep(60)
    assert tiers(manager) == ({"c", "d"}, {"b", "c", "d"})
    assert request(manager, "e") == "e"


def test_a_cache_of_one_keeps_the_old_until_the_new_is_on_disk(tmp_path: Path) -> None:
    """An update that cannot be fetched does not unload what serves, though there is no room for both in memory."""
    bucket = a_bucket("a")
    manager = started(tmp_path, bucket, (1, 2))
    request(manager, "a")
    bucket.put("models/a/2/model", "two", age=60)
    bucket.no_gets = 2
    for _ in range(2):
        manager.tick()
        assert request(manager, "a") == "a"
        bucket.clock.sleep(10)
    manager.tick()
    assert request(manager, "a") == "two"


@pytest.mark.parametrize("cache", [None, (1, 2)])
def test_a_store_that_somebody_removes_is_made_again(tmp_path: Path, cache: tuple[int, int] | None) -> None:
    """Programs that clean temporary folders cost downloads: what is loaded serves on, and what is asked for is fetched."""
    bucket = a_bucket("a", "b")
    manager = started(tmp_path, bucket, cache)
    request(manager, "a")
    shutil.rmtree(tmp_path / "api")
    bucket.put("models/a/2/model", "two", age=60)
    manager.tick()
    assert [request(manager, name) for name in "aba"] == ["two", "b", "two"]
    assert [status.error for status in manager.status()] == [None, None, None]
    assert request(started(tmp_path, bucket, cache), "a") == "two"


def test_what_a_request_holds_is_not_evicted(tmp_path: Path) -> None:
    """A model counts and stays until the predict that got it returns; others wait for it, or take another's place."""
    manager = started(tmp_path, a_bucket("a", "b", "c"), (2, 3))
    with Lease():
        manager.get("a")
        request(manager, "b")
        request(manager, "c")
        assert tiers(manager)[0] == {"a", "c"}
    request(manager, "b")
    assert tiers(manager)[0] == {"b", "c"}


def test_uses_in_memory_count_on_disk(tmp_path: Path) -> None:
    """What was used last stays on disk longest, also when those uses never touched the disk; and status tells when."""
    bucket = a_bucket("a", "b", "c", "d")
    manager = started(tmp_path, bucket, (2, 3))
    for name in ("a", "b", "a", "c", "d"):
        bucket.clock.sleep(1)
        request(manager, name)
    assert tiers(manager) == ({"c", "d"}, {"a", "c", "d"})
    used = {status.name: status.last_access for status in manager.status()}
    assert used == {"a": 1_000_003, "b": 1_000_002, "c": 1_000_004, "d": 1_000_005}


def test_a_restart_knows_the_last_uses(tmp_path: Path) -> None:
    """Status tells when a version on disk was last used, before a restart too; and the least recently used leave first."""
    bucket = a_bucket("a", "b", "c")
    manager = started(tmp_path, bucket, (1, 3))
    for name in ("a", "b", "c", "a"):
        bucket.clock.sleep(1)
        request(manager, name)
    manager.tick()
    used = [status.last_access for status in manager.status()]
    assert used == [1_000_004, 1_000_002, 1_000_003]
    manager.close()
    manager = started(tmp_path, bucket, (1, 3))
    assert [(status.memory, status.last_access) for status in manager.status()] == [(False, when) for when in used]
    bucket.put("models/d/1/model", "d", age=60)
    manager.tick()
    request(manager, "d")
    assert tiers(manager) == ({"d"}, {"a", "c", "d"})


def test_a_request_that_needs_more_models_than_fit_is_refused_at_once(tmp_path: Path) -> None:
    """Waiting for oneself is pointless."""
    manager = started(tmp_path, a_bucket("a", "b"), (1, 2))
    with Lease():
        manager.get("a")
        with pytest.raises(NoCapacity):
            manager.get("b")
    assert request(manager, "b") == "b"


def test_a_load_waits_until_a_request_lets_go(tmp_path: Path) -> None:
    """A full cache makes others wait; when the request that holds the model ends, they go on."""
    workers = Workers(2)
    manager = started(tmp_path, a_bucket("a", "b"), (1, 2), pool=workers)
    holding, released = threading.Event(), threading.Event()

    def hold() -> None:
        with Lease():
            manager.get("a")
            holding.set()
            released.wait(30)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(hold)
        assert holding.wait(30)
        second = threads.submit(request, manager, "b")
        released.set()
        assert second.result(30) == "b"
        first.result(30)
    workers.close()


@pytest.mark.parametrize("version", [None, 1])
def test_a_model_that_loads_no_more_backs_off(tmp_path: Path, version: int | None) -> None:
    """One that was loaded once, and left memory, is tried as rarely as any other when its next load fails."""
    bucket, calls = a_bucket("a", "b"), []

    def load(path: Path, name: str) -> str:
        calls.append(name)
        if calls.count("a") > 1:
            raise ValueError("not again")
        return name

    manager = started(tmp_path, bucket, (1, 2), load=load)
    request(manager, "a")
    request(manager, "b")
    for _ in range(5):
        with pytest.raises(ModelFailed, match="cannot be loaded: ValueError: not again"):
            request(manager, "a", version)
    assert calls == ["a", "b", "a"]


@pytest.mark.parametrize("deleted", [False, True], ids=["replaced", "deleted"])
def test_a_request_that_holds_a_former_model_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, deleted: bool
) -> None:
    """After a minute, the log says whose memory is not free yet, and says it once; the model is never taken from the request."""
    bucket = a_bucket("a")
    manager = started(tmp_path, bucket, None)
    with Lease():
        held = manager.get("a")
        bucket.delete("models/a/")
        if not deleted:
            bucket.put("models/a/1/model", "A", age=60)
        for _ in range(12):
            bucket.clock.sleep(10)
            manager.tick()
            said = [record.getMessage() for record in caplog.records if "a request still uses it" in record.getMessage()]
            assert len(said) == (bucket.clock() >= 1_000_000 + 20 + 60)
        assert said[0].startswith("model 'a' version 1 was replaced or deleted 60 s ago")
        assert held.value == "a"
        assert manager.cache().memory.used == (1 if deleted else 2)
    assert manager.cache().memory.used == (0 if deleted else 1)


def test_a_model_that_can_never_fit_evicts_nobody(tmp_path: Path) -> None:
    """A model larger than the byte budget is refused; what is loaded stays."""
    bucket = a_bucket("a")
    bucket.put("models/big/1/model", "x" * 1000, age=60)
    manager = started(tmp_path, bucket, (2, 4), cache_bytes=100)
    request(manager, "a")
    with pytest.raises(NoCapacity, match="more than the cache_bytes of 100"):
        request(manager, "big")
    assert tiers(manager)[0] == {"a"}


def test_a_model_that_does_not_fit_beside_what_is_used_evicts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for it is refused, and costs the idle models nothing; when the one in use is let go of, it is let in."""
    monkeypatch.setattr("runtime_handler.models.misses.CAPACITY_WAIT_S", 0.0)
    sizes = {"held": 50, "idle": 10, "other": 10, "big": 70}
    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": "x" * size for name, size in sizes.items()})
    manager = started(tmp_path, bucket, None, cache_bytes=130, disk_cache_bytes=1000)
    request(manager, "idle")
    request(manager, "other")
    with Lease():
        manager.get("held")
        with pytest.raises(NoCapacity):
            request(manager, "big")
        assert tiers(manager)[0] == {"held", "idle", "other"}
    request(manager, "big")
    assert tiers(manager)[0] == {"big"}


def test_a_newer_version_that_does_not_fit_beside_what_is_used_evicts_nobody(tmp_path: Path) -> None:
    """The refresh tries it at every tick while a request holds what is in the way, and costs the idle models nothing."""
    bucket, recorder = FakeBucket(Clock()), Recording()
    for name, size in {"a": 10, "held": 50, "idle": 10}.items():
        bucket.put(f"models/{name}/1/model", "x" * size, age=60)
    manager = started(tmp_path, bucket, None, cache_bytes=130, disk_cache_bytes=1000, recorder=recorder)
    request(manager, "a")
    request(manager, "idle")
    bucket.put("models/a/2/model", "2" * 70, age=60)
    with Lease():
        manager.get("held")
        for _ in range(3):
            bucket.clock.sleep(10)
            manager.tick()
        assert [status.memory for status in manager.status()] == [True, False, True, True]
        assert recorder.count("ModelEviction") == 0
    manager.tick()
    assert request(manager, "a") == "2" * 70


def test_byte_budgets_evict_as_many_as_are_needed(tmp_path: Path) -> None:
    """Beside the counts, bytes are limited: a large model takes the place of several small ones."""
    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": name * 10 for name in "abc"} | {"models/d/1/model": "d" * 20})
    manager = started(tmp_path, bucket, (4, 4), cache_bytes=40, disk_cache_bytes=40)
    for name in "abcd":
        request(manager, name)
    assert tiers(manager) == ({"c", "d"}, {"b", "c", "d"})
    memory, disk = manager.cache()
    assert (memory.bytes, memory.budget, disk.bytes, disk.budget) == (13 + 26, 40, 10 + 10 + 20, 40)


@pytest.mark.parametrize("budgets", [{"cache_bytes": 26}, {"disk_cache_bytes": 20}, {"cache_bytes": 26, "disk_cache_bytes": 20}])
def test_byte_budgets_alone_make_a_cache(tmp_path: Path, budgets: dict[str, int]) -> None:
    """Without counts, models are loaded when they are asked for; what the disk cannot hold, memory does not hold either."""
    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": name * 10 for name in "abc"})
    manager = started(tmp_path, bucket, None, **budgets)
    assert tiers(manager) == (set(), set())
    for name in "abc":
        request(manager, name)
    assert tiers(manager) == ({"b", "c"}, {"b", "c"} if "disk_cache_bytes" in budgets else {"a", "b", "c"})


@pytest.mark.parametrize("disk", [20, 30, 40])
def test_byte_budgets_hold_while_many_load_and_nobody_is_refused(tmp_path: Path, disk: int) -> None:
    """Four loads at once into a cache of two models of ten bytes: those under way wait for each other, and all are answered."""
    names = "abcdefgh"
    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": name * 10 for name in names})
    workers = Workers(8)
    manager = started(tmp_path, bucket, None, pool=workers, threads=4, cache_bytes=26, disk_cache_bytes=disk)

    def serve(seed: int) -> int:
        chooser, most = random.Random(seed), 0
        for _ in range(60):
            request(manager, chooser.choice(names))
            cache = manager.cache()
            assert cache.memory.used <= 2
            most = max(most, cache.disk.used)
        return most

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(serve, range(8))) <= disk // 10
    workers.close()


def test_two_hundred_first_requests_load_once(tmp_path: Path) -> None:
    """However many requests wait for a cold model, it is fetched and loaded once, and all get it."""
    workers, load = Workers(4), Loader()
    bucket = a_bucket("a")
    manager = started(tmp_path, bucket, (1, 1), pool=workers, load=load)
    with ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(lambda _: request(manager, "a"), range(200)))
    assert answers == ["a"] * 200
    assert (load.calls, bucket.fetched) == (["a"], {"models/a/1/model": 1})
    workers.close()


@contextmanager
def _pair() -> Iterator[threading.Barrier]:
    barrier = threading.Barrier(2, timeout=30)
    yield barrier
    barrier.abort()


def test_unrelated_models_load_side_by_side(tmp_path: Path) -> None:
    """With two threads, two cold models are in their loaders at the same time: each waits there for the other."""
    workers = Workers(4)
    with _pair() as barrier, ThreadPoolExecutor(2) as threads:

        def load(path: Path, name: str) -> str:
            barrier.wait()
            return name

        manager = started(tmp_path, a_bucket("a", "b"), (2, 2), pool=workers, load=load, threads=2)
        assert list(threads.map(lambda name: request(manager, name), "ab")) == ["a", "b"]
    workers.close()


def test_a_new_version_is_loaded_before_requests_move_to_it(tmp_path: Path) -> None:
    """While the latest version is in memory, its successor is loaded beside it; no request waits for that."""
    bucket, load = a_bucket("a"), Loader()
    manager = started(tmp_path, bucket, (2, 2), load=load)
    request(manager, "a")
    bucket.put("models/a/2/model", "two", age=60)
    manager.tick()
    assert load.calls == ["a", "two"]
    assert request(manager, "a") == "two"
    assert load.calls == ["a", "two"]


def test_a_cache_of_one_gives_the_place_of_the_old_to_the_new(tmp_path: Path) -> None:
    """Without room for two copies, an update unloads before it loads; at no time are there two."""
    bucket = a_bucket("a")
    alive: list[int] = []
    manager: Manager

    def load(path: Path, name: str) -> str:
        alive.append(manager.cache().memory.used)
        return (path / "model").read_text()

    manager = started(tmp_path, bucket, (1, 1), load=load)
    request(manager, "a")
    bucket.put("models/a/1/model", "changed", age=60)
    for _ in range(2):
        bucket.clock.sleep(10)
        manager.tick()
    assert request(manager, "a") == "changed"
    bucket.put("models/a/2/model", "two", age=60)
    manager.tick()
    assert request(manager, "a") == "two"
    assert alive == [1, 1, 1]


def test_an_update_that_needs_the_place_of_the_old_files_leaves_the_latest_version_alone(tmp_path: Path) -> None:
    """A cache that is full of a model's two versions gives the new files of one the place of its old ones, not of both."""
    bucket, load = FakeBucket(Clock(), {"models/a/1/model": "one", "models/a/2/model": "two"}), Loader()
    manager = started(tmp_path, bucket, (2, 2), load=load)
    for version in (1, 2):
        request(manager, "a", version)
    bucket.put("models/a/1/model", "broken")
    for _ in range(2):
        bucket.clock.sleep(10)
        manager.tick()
    assert load.calls == ["one", "two", "broken"]
    assert [status.memory for status in manager.status()] == [False, True]
    assert request(manager, "a") == "two"
    assert bucket.fetched["models/a/2/model"] == 1


def test_an_update_that_does_not_fit_beside_the_latest_version_leaves_that_alone(tmp_path: Path) -> None:
    """Not even the place of its own old files is enough for the new ones: they are loaded when somebody asks for them."""
    bucket = FakeBucket(Clock(), {f"models/a/{version}/model": str(version) * 40 for version in (1, 2)})
    manager = started(tmp_path, bucket, None, cache_bytes=130, disk_cache_bytes=1000)
    for version in (1, 2):
        request(manager, "a", version)
    bucket.put("models/a/1/model", "new" * 30)
    for _ in range(3):
        bucket.clock.sleep(10)
        manager.tick()
    assert [status.memory for status in manager.status()] == [False, True]
    assert request(manager, "a", 1) == "new" * 30


def test_an_update_that_does_not_fit_beside_what_is_used_leaves_the_old_files_in_place(tmp_path: Path) -> None:
    """They serve on while a request holds what is in the way, and status says so; when it has ended, the new files take over."""
    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": name * 40 for name in "ax"})
    manager = started(tmp_path, bucket, None, cache_bytes=130, disk_cache_bytes=1000)
    request(manager, "a")
    with Lease():
        manager.get("x")
        bucket.put("models/a/1/model", "A" * 90)
        for _ in range(3):
            bucket.clock.sleep(10)
            manager.tick()
        assert request(manager, "a") == "a" * 40
        assert [(status.state, status.error) for status in manager.status()] == [("ready", WAITS), ("ready", None)]
    manager.tick()
    assert request(manager, "a") == "A" * 90
    assert manager.status()[0].error is None


def test_a_latest_version_that_fails_when_asked_for_gives_way(tmp_path: Path) -> None:
    """A cold request for the latest ends at the highest version that can be loaded."""
    bucket, load = a_bucket("a"), Loader()
    bucket.put("models/a/2/model", "broken", age=60)
    manager = started(tmp_path, bucket, (2, 2), load=load)
    assert [request(manager, "a"), request(manager, "a")] == ["a", "a"]
    assert load.calls == ["broken", "a"]
    with pytest.raises(ModelFailed):
        request(manager, "a", 2)


@pytest.mark.parametrize("budgets", [{"cache_bytes": 100}, {"disk_cache_bytes": 100}])
def test_a_latest_version_that_can_never_fit_gives_way(tmp_path: Path, budgets: dict[str, int]) -> None:
    """It is failed like one that cannot be loaded, and status and log say why; the one before it is served."""
    bucket, load = a_bucket("a"), Loader()
    bucket.put("models/a/2/model", "x" * 1000, age=60)
    manager = started(tmp_path, bucket, None, load=load, **budgets)
    assert [request(manager, "a"), request(manager, "a")] == ["a", "a"]
    assert [status.state for status in manager.status()] == ["ready", "failed"]
    error = manager.status()[1].error
    assert error is not None
    assert error.startswith("the model takes ")
    with pytest.raises(ModelFailed, match="version 2 cannot be loaded: the model takes"):
        request(manager, "a", 2)
    assert (load.calls, manager.metadata()["a"]["versions"]) == (["a"], ["1"])


def test_a_latest_version_that_memory_has_no_room_for_gives_way(tmp_path: Path) -> None:
    """The request that finds it out is served by the version before it."""

    def load(path: Path, name: str) -> str:
        if (text := (path / "model").read_text()) == "two":
            raise MemoryError
        return text

    bucket = a_bucket("a")
    bucket.put("models/a/2/model", "two", age=60)
    manager = started(tmp_path, bucket, (2, 2), load=load)
    assert request(manager, "a") == "a"
    with pytest.raises(ModelFailed, match="version 2 cannot be loaded: there is not enough memory"):
        request(manager, "a", 2)


def test_good_files_on_disk_serve_while_new_ones_are_broken(tmp_path: Path) -> None:
    """A model that left memory comes back from the files that worked, when the newer ones cannot be loaded."""
    bucket, load = a_bucket("a", "b"), Loader()
    manager = started(tmp_path, bucket, (1, 4), load=load)
    request(manager, "a")
    bucket.put("models/a/1/model", "broken", age=60)
    for _ in range(2):
        bucket.clock.sleep(10)
        manager.tick()
    request(manager, "b")
    assert request(manager, "a") == "a"
    for _ in range(30):
        bucket.clock.sleep(10)
        manager.tick()
        assert request(manager, "a") == "a"
    assert 3 <= load.calls.count("broken") <= 6
    assert bucket.fetched["models/a/1/model"] == 2


def test_a_pin_to_a_cold_version_is_loaded_before_requests_move(tmp_path: Path) -> None:
    """A roll back to a version that is not in memory keeps no request waiting either."""
    bucket, load = a_bucket("a"), Loader()
    bucket.put("models/a/2/model", "two", age=60)
    manager = started(tmp_path, bucket, (2, 2), load=load)
    request(manager, "a")
    bucket.put("models/.cxpack/pins.json", '{"a": 1}')
    manager.tick()
    assert load.calls == ["two", "a"]
    assert request(manager, "a") == "a"


def test_deleted_models_leave_both_tiers(tmp_path: Path) -> None:
    """What is gone from the store is neither served nor kept."""
    bucket = a_bucket("a", "b")
    manager = started(tmp_path, bucket, (2, 2))
    request(manager, "a")
    bucket.delete("models/a/")
    manager.tick()
    manager.tick()
    assert (manager.cache().memory.used, manager.cache().disk.used) == (0, 0)


def test_several_versions_held_by_a_request_count_after_their_update(tmp_path: Path) -> None:
    """A copy that was replaced while a request uses it keeps its slot until the request ends."""
    bucket = a_bucket("a")
    manager = started(tmp_path, bucket, (2, 2))
    with Lease():
        old = manager.get("a")
        bucket.put("models/a/1/model", "new", age=60)
        for _ in range(2):
            bucket.clock.sleep(10)
            manager.tick()
        assert (request(manager, "a"), old.value) == ("new", "a")
        assert manager.cache().memory.used == 2
    assert manager.cache().memory.used == 1


def test_a_request_waits_for_a_load_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited long enough is told to come back; the load goes on, and the model it makes is not held for who left."""
    monkeypatch.setattr("runtime_handler.models.misses.LOAD_WAIT_S", 0.05)
    workers, go_on = Workers(1), threading.Event()

    def load(path: Path, name: str) -> object:
        assert go_on.wait(30)
        return name

    manager = started(tmp_path, a_bucket("a", "b"), (1, 1), load=load, pool=workers)
    with Lease() as left, pytest.raises(ModelLoading, match="model 'a' version 1 is being loaded") as late:
        manager.get("a")
    assert late.value.retry_after == 1
    go_on.set()
    monkeypatch.setattr("runtime_handler.models.misses.LOAD_WAIT_S", 30.0)
    assert request(manager, "a") == "a"
    assert left.models == []
    assert request(manager, "b") == "b"
    workers.close()


class Interrupted(dict[ModelId, Resident]):
    """A table whose first look-up is interrupted, before its result is used: another thread evicts what it can."""

    def __init__(self, tier: MemoryTier) -> None:
        super().__init__(tier.table)
        self.tier = tier
        self.refusal: BaseException | None = None

    def get(self, key: ModelId, default: Any = None) -> Any:
        found = super().get(key, default)
        tier, self.tier.table = self.tier, dict(self)
        with ThreadPoolExecutor(1) as other:
            self.refusal = other.submit(tier.reserve, 1, 0.0).exception()
        return found


def test_a_model_that_a_request_is_taking_is_not_evicted() -> None:
    """Not even between its look at the table and its note that it holds the model: both would be in memory for a moment."""
    tier, key = MemoryTier(1, None, clock=Clock()), ModelId("a", 1)
    tier.install(tier.reserve(1, 0.0), Model(id=key, value=object(), fingerprint=""))
    tier.table = table = Interrupted(tier)
    with Lease():
        assert tier.take(key) is not None
    assert isinstance(table.refusal, NoCapacity)


class Ends(set[Lease]):
    """The running requests; when one leaves them, others come in at once."""

    def __init__(self, come_in: Callable[[], None]) -> None:
        super().__init__()
        self.come_in = come_in

    def discard(self, request: Lease) -> None:
        super().discard(request)
        self.come_in()


def test_a_request_that_has_ended_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is evicted at the moment at which a request is seen to have ended is gone, though its thread is not done yet."""
    tier, value = MemoryTier(1, None, clock=Clock()), type("Loaded", (), {})()
    tier.install(tier.reserve(1, 0.0), Model(id=ModelId("a", 1), value=value, fingerprint=""))
    reference, gone = weakref.ref(value), []
    del value

    def evict() -> None:
        tier.reserve(1, 0.0)
        gone.append(reference() is None)

    monkeypatch.setattr(lease, "_running", Ends(evict))
    with Lease():
        assert tier.take(ModelId("a", 1)) is not None
    assert gone == [True]


def is_full(tier: MemoryTier, keep: list[ModelId]) -> bool:
    with pytest.raises(NoCapacity):
        tier.reserve(1, 0.0, keep=keep)
    return True


class Released(threading.Condition):
    """A lock after whose release, and before its holder goes on, others come in."""

    def __init__(self, come_in: Callable[[], None]) -> None:
        super().__init__(threading.RLock())
        self.come_in = come_in

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self.come_in()


def test_the_thread_that_loads_a_model_does_not_hold_it(tmp_path: Path) -> None:
    """Evicted right after it was put into the cache, before its thread goes on, it is gone, and so is what it replaced."""
    loaded: list[weakref.ref[Any]] = []

    def load(path: Path, name: str) -> object:
        model = type("Loaded", (), {})()
        loaded.append(weakref.ref(model))
        return model

    bucket = a_bucket("a")
    manager = started(tmp_path, bucket, (1, 2), load=load)
    request(manager, "a")
    tier, gone = manager._shelf.memory, []

    def evict() -> None:
        if len(loaded) == 2 and any(resident.model.value is loaded[1]() for resident in tier.table.values()):
            tier.table.clear()
            gone.append([reference() is None for reference in loaded])

    tier._changed = Released(evict)
    bucket.put("models/a/1/model", "other", age=60)
    for _ in range(2):
        bucket.clock.sleep(10)
        manager.tick()
    assert gone == [[True, True]]


@pytest.mark.parametrize(
    "look",
    [
        lambda tier: tier.fingerprint(ModelId("a", 1)) == "old",
        lambda tier: tier.last_use(ModelId("a", 1))[0] > 0,
        lambda tier: tier.overdue(0.0) == [ModelId("b", 1)],
        lambda tier: tier.holds(ModelId("a", 1), "old"),
        lambda tier: tier.holds(ModelId("b", 1), "old"),
        lambda tier: not tier.has_room(1),
        lambda tier: is_full(tier, keep=[ModelId("a", 1)]),
    ],
)
def test_who_looks_at_a_model_does_not_hold_it(look: Callable[[MemoryTier], bool]) -> None:
    """Evicted right after somebody read about it, before that thread goes on, it is gone."""
    tier, values = MemoryTier(2, None, clock=Clock()), [type("Loaded", (), {})() for _ in range(2)]
    references, gone = [weakref.ref(value) for value in values], []
    for name in "ab":
        tier.install(tier.reserve(1, 0.0), Model(id=ModelId(name, 1), value=values.pop(0), fingerprint="old"))

    def evict() -> None:
        request.models.clear()
        tier.table.clear()
        tier._leaving._residents.clear()
        gone.append([reference() is None for reference in references])

    with Lease() as request:
        assert tier.take(ModelId("b", 1)) is not None
        tier.drop(ModelId("b", 1))
        tier._changed = Released(evict)
        assert look(tier)
    assert gone == [[True, True]]
