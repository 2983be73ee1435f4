"""Loads that end otherwise than well: what is remembered of them, what they leave behind, and that others go on."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EIO
from pathlib import Path

import pytest

from runtime_handler.errors import ModelFailed, ModelLoading, NoCapacity, StartError
from runtime_handler.lazy_models import LazyModels
from runtime_handler.models.catalog import Files, Version
from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Inline, Job, Workers
from tests.runtime_handler.models.builders import Loader, a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

POLL_S = 10.0


def a_bucket(**files: str) -> FakeBucket:
    """Models by name, each of one file with that text."""
    return FakeBucket(Clock(), {f"models/{name}/model": text for name, text in files.items()})


def started(manager: Manager) -> Manager:
    manager.start()
    return manager


def update(manager: Manager, bucket: FakeBucket, name: str, text: str) -> None:
    """Write a model's file in place, and poll until it has settled."""
    bucket.put(f"models/{name}/model", text)
    for _ in range(2):
        bucket.clock.sleep(POLL_S)
        manager.tick()


class Picky(Loader):
    """A loader that fails for what is in `bad`."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()

    def __call__(self, path: Path, name: str) -> object:
        text = super().__call__(path, name)
        if text in self.bad:
            raise ValueError(f"cannot read {text}")
        return text


@contextmanager
def workers(count: int = 8) -> Iterator[Workers]:
    pool = Workers(count)
    try:
        yield pool
    finally:
        pool.close()


@pytest.mark.parametrize(
    "problem", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), type("Panic", (BaseException,), {})()]
)
def test_whatever_a_loader_raises_is_a_failure_of_that_model_alone(tmp_path: Path, problem: BaseException) -> None:
    """Also what is no Exception: it is remembered, not tried again at once, and ends no thread that loads others."""
    calls = []

    def load(path: Path, name: str) -> str:
        calls.append(name)
        if name == "bad":
            raise problem
        return name

    with workers(1) as pool:
        manager = started(a_manager(tmp_path, a_bucket(bad="x", good="y"), cache=(2, 2), load=load, pool=pool))
        for _ in range(3):
            with pytest.raises(ModelFailed, match=type(problem).__name__):
                manager.get("bad")
        assert manager.get("good").value == "good"
    assert calls == ["bad", "good"]


def test_what_a_loader_raises_ends_no_start(tmp_path: Path) -> None:
    """Not even where the one model of a start is loaded in the thread that starts."""

    def load(path: Path, name: str) -> str:
        raise asyncio.CancelledError

    manager = started(a_manager(tmp_path, a_bucket(a="x"), load=load))
    assert [status.state for status in manager.status()] == ["failed"]


def test_files_that_were_mended_leave_nothing_of_the_broken_ones(tmp_path: Path) -> None:
    """Neither their error in the status, nor their files on disk, nor those of the updates that follow."""
    bucket = a_bucket(a="broken")
    manager = started(a_manager(tmp_path, bucket))
    for text in ("good", "better", "best"):
        update(manager, bucket, "a", text)
    [status] = manager.status()
    assert (status.state, status.error, status.next_retry) == ("ready", None, None)
    assert manager.get("a").value == "best"
    assert manager.cache().disk.used == 1


def test_files_that_fail_one_after_the_other_do_not_gather_on_disk(tmp_path: Path) -> None:
    """There are the ones that served last, and the newest, which are tried again."""
    bucket = a_bucket(a="good")
    manager = started(a_manager(tmp_path, bucket))
    for number in range(4):
        update(manager, bucket, "a", f"broken {number}")
    assert manager.get("a").value == "good"
    assert manager.status()[0].error == "ValueError: cannot read broken 3"
    assert manager.cache().disk.used == 2


@pytest.mark.parametrize("version", [None, 1])
def test_two_sets_of_files_that_fail_are_both_left_alone_for_a_while(tmp_path: Path, version: int | None) -> None:
    """A request tries the new ones and those of before, and the next ones none until one of them is due again."""
    bucket, load = a_bucket(a="old", b="b"), Picky()
    load.bad = {"new"}
    manager = started(a_manager(tmp_path, bucket, cache=(1, 3), load=load))
    assert manager.get("a").value == "old"
    update(manager, bucket, "a", "new")
    manager.get("b")  # takes the place of a
    load.bad = {"new", "old"}
    load.calls.clear()
    bucket.clock.sleep(60)
    for _ in range(20):
        with pytest.raises(ModelFailed):
            manager.get("a", version)
    assert sorted(load.calls) == ["new", "old"]


def test_a_version_whose_new_files_fail_again_is_served_from_those_of_before(tmp_path: Path) -> None:
    """The request with which the new files are tried once more does not pay for it."""
    bucket, load = a_bucket(a="old", b="b"), Picky()
    load.bad = {"new"}
    manager = started(a_manager(tmp_path, bucket, cache=(1, 3), load=load))
    manager.get("a")
    update(manager, bucket, "a", "new")
    manager.get("b")
    load.calls.clear()
    bucket.clock.sleep(60)
    assert manager.get("a", 1).value == "old"
    assert load.calls == ["new", "old"]


def test_a_copy_that_cannot_be_read_does_not_take_the_one_of_before_with_it(tmp_path: Path) -> None:
    """The new files' copy is fetched again; the old ones', which can be read, serve until then."""
    bucket = a_bucket(a="old", b="b")

    def load(path: Path, name: str) -> str:
        if (text := (path / "model").read_text()) == "new":
            raise OSError(EIO, "Input/output error")
        return text

    manager = started(a_manager(tmp_path, bucket, cache=(1, 3), load=load))
    manager.get("a")
    update(manager, bucket, "a", "new")
    manager.get("b")
    assert manager.get("a", 1).value == "old"
    assert bucket.fetched["models/a/model"] == 2


def test_files_that_are_replaced_while_they_are_fetched_are_not_fetched_by_every_request(tmp_path: Path) -> None:
    """One request finds out; those after it are refused without a download until the store may be asked again."""
    bucket = a_bucket(a="old")
    manager = started(a_manager(tmp_path, bucket, cache=(1, 1)))
    bucket.put("models/a/model", "new")
    with pytest.raises(ModelLoading, match="is being uploaded"):
        manager.get("a")
    asked = bucket.requests.total()
    for _ in range(20):
        with pytest.raises(ModelFailed, match="replaced while they were fetched"):
            manager.get("a")
    assert bucket.requests.total() == asked
    update(manager, bucket, "a", "new")
    assert manager.get("a").value == "new"


def test_a_version_that_goes_while_its_load_fails_leaves_nothing(tmp_path: Path) -> None:
    """Its files leave the disk, and nobody tries it again."""
    bucket = FakeBucket(Clock(), {"models/a/1/model": "one"})
    began, go_on = threading.Event(), threading.Event()

    def load(path: Path, name: str) -> str:
        text = (path / "model").read_text()
        if text == "two":
            began.set()
            assert go_on.wait(30)
            raise ValueError(text)
        return text

    with workers() as pool:
        manager = started(a_manager(tmp_path, bucket, load=load, pool=pool, threads=2))
        bucket.put("models/a/2/model", "two", age=60)
        manager.tick(wait=False)
        assert began.wait(30)
        bucket.delete("models/a/2/")
        for _ in range(2):
            manager.tick(wait=False)
        go_on.set()
        manager.tick()
        assert [status.version for status in manager.status()] == [1]
    _until(lambda: manager.cache().disk.used == 1)


def _until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came true")


class Starved(Inline):
    """A pool without threads for its first jobs."""

    def __init__(self) -> None:
        self.refusals = 1

    def submit(self, job: Job) -> None:
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError("can't start new thread")
        super().submit(job)


def test_a_load_that_no_thread_can_run_is_over(tmp_path: Path) -> None:
    """Its request is told to come again, and the next one loads the model."""
    manager = started(a_manager(tmp_path, a_bucket(a="x"), cache=(1, 1), pool=Starved()))
    with pytest.raises(NoCapacity):
        manager.get("a")
    assert manager.get("a").value == "x"


def test_threads_that_cannot_be_started_cost_no_job(tmp_path: Path) -> None:
    """The pool says so while it has none; once it has one, that does what others would have done."""
    done = [threading.Event() for _ in range(2)]
    go_on = threading.Event()
    with workers() as pool:
        too_large = 1 << 46
        threading.stack_size(too_large)
        try:
            with pytest.raises(RuntimeError):
                pool.submit(done[0].set)
            threading.stack_size(0)
            pool.submit(lambda: go_on.wait(30) and done[0].set())  # type: ignore[func-returns-value]
            threading.stack_size(too_large)
            pool.submit(done[1].set)
        finally:
            threading.stack_size(0)
        go_on.set()
        assert all(event.wait(30) for event in done)


def adapters(of: dict[str, str], get: list[Callable[[str], object]]) -> Callable[[Path, str], object]:
    """A loader whose models in `of` build on another one, which they ask for."""

    def load(path: Path, name: str) -> object:
        return (name, get[0](of[name])) if name in of else name

    return load


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cache", [None, (2, 2)])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_loader_may_ask_for_another_model(tmp_path: Path, threads: int, cache: tuple[int, int] | None) -> None:
    """At the start and later, also when only one may be loaded at a time."""
    get: list[Callable[[str], object]] = []
    load = adapters({"adapter": "base"}, get)
    with workers() as pool:
        bucket = a_bucket(adapter="a", base="b")
        manager = a_manager(tmp_path, bucket, cache=cache, load=load, pool=pool, threads=threads)
        models = LazyModels(manager, manager.start)
        get.append(lambda name: models.get(name).value)
        models.start()
        assert models.get("adapter").value == ("adapter", "base")


def test_a_model_that_was_loaded_for_another_is_loaded_once(tmp_path: Path) -> None:
    """What a start was about to load itself, a loader has meanwhile had loaded: there is one of it, not two."""
    get: list[Callable[[str], object]] = []
    calls, build = [], adapters({"adapter": "base"}, get)

    def load(path: Path, name: str) -> object:
        calls.append(name)
        return [build(path, name)]

    manager = a_manager(tmp_path, a_bucket(adapter="a", base="b"), load=load)
    get.append(lambda name: manager.get(name).value)
    manager.start()
    assert manager.get("adapter").value == [("adapter", manager.get("base").value)]
    assert calls == ["adapter", "base"]


def test_a_model_that_came_while_a_request_looked_for_its_files_is_not_loaded_again(tmp_path: Path) -> None:
    """Another request's load may end between the look into memory and the order of one's own."""
    load = Loader()
    manager = started(a_manager(tmp_path, a_bucket(a="x"), cache=(2, 2), load=load))
    files, others = manager._shelf.files, [threading.Thread(target=_ask, args=(manager, "a", 1))]

    def late(version: Version) -> Files | None:
        found = files(version)
        if others:
            other = others.pop()
            other.start()
            other.join(30)
        return found

    manager._shelf.files = late  # type: ignore[method-assign]
    assert _ask(manager, "a", 1) == "x"
    assert load.calls == ["x"]


def test_a_loader_that_waits_for_room_lets_the_loads_that_have_it_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that took the last place in memory must have its turn, before another model can have its place."""
    monkeypatch.setattr("runtime_handler.models.misses.CAPACITY_WAIT_S", 5.0)
    bucket = a_bucket(adapter="a", base="b", other="o")
    with workers() as pool:
        manager = started(a_manager(tmp_path, bucket, cache=(2, 4), pool=pool))
        loading, build = threading.Event(), manager._shelf.loads._loader

        def load(path: Path, name: str) -> object:
            if name != "adapter":
                return build(path, name)
            loading.set()
            _until(lambda: len(manager._shelf.memory._reserved) == 2)
            return (build(path, name), manager.get("base").value)

        manager._shelf.loads._loader = load
        asker = threading.Thread(target=lambda: loading.wait(30) and _ask(manager, "other", 1))
        asker.start()
        assert _ask(manager, "adapter", 1) == ("a", "b")
        asker.join(30)


@pytest.mark.timeout(60)
def test_a_loader_may_ask_for_a_model_that_waits_for_its_own_thread(tmp_path: Path) -> None:
    """All threads that load may be in loaders that build on one model, behind which it is to be loaded itself."""
    load = Picky()
    with workers(1) as pool:
        manager = a_manager(tmp_path, a_bucket(adapter="a", base="b"), load=load, pool=pool)

        def build(path: Path, name: str) -> object:
            if name == "adapter":
                _until(lambda: len(manager._shelf.loads.flying()) == 2)
                return (load(path, name), manager.get("base").value)
            return load(path, name)

        manager._shelf.loads._loader = build
        manager.start()
        assert manager.get("adapter").value == ("a", "b")
        assert load.calls == ["a", "b"]


@pytest.mark.timeout(60)
def test_loaders_that_ask_for_each_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gives up in the end; the models have failed, and the start is over."""
    monkeypatch.setattr("runtime_handler.models.misses.LOAD_WAIT_S", 0.2)
    get: list[Callable[[str], object]] = []
    with workers() as pool:
        load = adapters({"a": "b", "b": "a"}, get)
        manager = a_manager(tmp_path, a_bucket(a="a", b="b"), load=load, pool=pool, threads=2)
        get.append(lambda name: manager.get(name).value)
        manager.start()
        assert {status.state for status in manager.status()} == {"failed"}


def test_a_constructor_that_survives_a_failing_start_leaves_it_to_be_done(tmp_path: Path) -> None:
    """The start after it loads the models, or fails in its turn; it does not take the first for done."""
    bucket = a_bucket(a="x")
    bucket.down = True
    manager = a_manager(tmp_path, bucket)
    models = LazyModels(manager, manager.start)
    with pytest.raises(StartError):
        models.get("a")
    bucket.down = False
    models.start()
    assert models.get("a").value == "x"


def test_a_request_that_joins_a_load_of_nobodys_waits_for_room_itself(tmp_path: Path) -> None:
    """A version that a refresh loads beside the others gets no room at once; who asks for it waits for some."""
    bucket = FakeBucket(Clock(), {"models/a/1/model": "one", "models/b/model": "b"})
    fetching, fetched = threading.Event(), threading.Event()
    with workers() as pool:
        manager = started(a_manager(tmp_path, bucket, cache=(2, 4), pool=pool))
        loads, begin = manager._shelf.loads, manager._shelf.loads._admission.room

        def slowly(*arguments: object) -> object:
            if not fetched.is_set():
                fetching.set()
                assert fetched.wait(30)
            return begin(*arguments)  # type: ignore[arg-type]

        holding, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            with Lease():
                manager.get("a"), manager.get("b")
                holding.set()
                assert let_go.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        assert holding.wait(30)
        loads._admission.room = slowly  # type: ignore[method-assign, assignment]
        bucket.put("models/a/2/model", "two", age=60)
        manager.tick(wait=False)
        assert fetching.wait(30)
        answers: list[object] = []
        asker = threading.Thread(target=lambda: answers.append(_ask(manager, "a", 2)))
        asker.start()
        _until(lambda: any(load.waiting for load in tuple(loads._flying.values())))
        fetched.set()
        _until(lambda: manager._shelf.memory._waiters > 0)
        let_go.set()
        asker.join(30)
        holder.join(30)
    assert answers == ["two"]


def _ask(manager: Manager, name: str, version: int) -> object:
    with Lease():
        return manager.get(name, version).value


def test_a_refresh_in_the_middle_of_a_miss_is_no_refusal(tmp_path: Path) -> None:
    """A request that read the catalog before a new version came, and what "latest" means after, gets the new one."""
    bucket = FakeBucket(Clock(), {"models/a/1/model": "one"})
    manager = started(a_manager(tmp_path, bucket, cache=(2, 4)))

    class Between(dict[str, object]):
        """A catalog during whose look-up a refresh comes."""

        def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
            found = super().get(name, default)
            if manager._shelf.catalog is self:
                bucket.put("models/a/2/model", "two", age=60)
                manager._shelf.catalog = before
                manager.tick()
            return found

    before = manager._shelf.catalog
    manager._shelf.catalog = Between(before)  # type: ignore[assignment]
    assert manager.get("a").value == "two"
