"""What requests see of the models of an API, while the store behind it changes, fails and lies."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime_handler.contract import SINGLE_MODEL
from runtime_handler.errors import (
    BadModelVersion,
    MissingModelName,
    ModelFailed,
    ModelLoading,
    ModelNotFound,
    StartError,
    VersionNotFound,
)
from runtime_handler.lazy_models import LazyModels
from runtime_handler.models.layout import ONNX, TENSORFLOW
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Inline
from tests.runtime_handler.models.builders import Loader, a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, Recording

POLL_S = 10.0
PROBES = int(os.environ.get("CXPACK_GATE_PROBES", "2000"))


def a_bucket(**files: str) -> FakeBucket:
    """A bucket of old objects; `a__1__model="x"` is models/a/1/model."""
    return FakeBucket(Clock(), {"models/" + name.replace("__", "/"): text for name, text in files.items()})


def started(manager: Manager) -> Manager:
    manager.start()
    return manager


def poll(manager: Manager, bucket: FakeBucket, times: int = 1) -> None:
    for _ in range(times):
        bucket.clock.sleep(POLL_S)
        manager.tick()


def versions(manager: Manager, name: str) -> list[int]:
    return [status.version for status in manager.status() if status.name == name and status.memory]


def test_versions_are_numbers_and_latest_is_the_highest(tmp_path: Path) -> None:
    """None and "latest" give the numerically highest version; integers, numpy's too, and strings give the one they name."""
    bucket = a_bucket(a__2__model="two", a__10__model="ten", **{"a__-1__model": "minus"})
    manager = started(a_manager(tmp_path, bucket))
    asked = [None, "latest", 2, "10", "-1", -1, np.int64(2), np.uint8(10)]
    answers = ["ten", "ten", "two", "ten", "minus", "minus", "two", "ten"]
    assert [manager.get("a", version).value for version in asked] == answers  # type: ignore[arg-type]  # as users may


def test_an_unversioned_model_is_version_one(tmp_path: Path) -> None:
    """A folder without version folders is one model, addressed as version 1 or not at all."""
    manager = started(a_manager(tmp_path, a_bucket(a__model="x", a__data__words="y")))
    assert {manager.get("a", version).value for version in (None, 1, "1", "latest")} == {"y+x"}


def test_the_single_model_ignores_the_name(tmp_path: Path) -> None:
    """With `model_path`, whatever name the predictor passes means the one model."""
    bucket = a_bucket(a__model="x")
    manager = started(a_manager(tmp_path, bucket, paths={SINGLE_MODEL: "s3://fake/models/a"}))
    assert manager.get().value == manager.get("anything", None).value == "x"


@pytest.mark.parametrize(
    ("name", "version", "error", "words"),
    [
        (None, "latest", MissingModelName, "name one of them: a, ab"),
        ("zz", "latest", ModelNotFound, "no model 'zz'; there are: a, ab"),
        (["a"], "latest", ModelNotFound, "a model's name is a string"),
        ("a", "abc", BadModelVersion, "'abc' is neither an integer"),
        ("a", "²", BadModelVersion, "neither an integer"),
        ("a", 1.0, BadModelVersion, "neither an integer"),
        ("a", True, BadModelVersion, "neither an integer"),
        ("a", np.True_, BadModelVersion, "neither an integer"),
        ("a", np.float64(1), BadModelVersion, "neither an integer"),
        ("a", np.array([1, 2]), BadModelVersion, "neither an integer"),
        ("a", "7", VersionNotFound, "model 'a' has no version 7"),
    ],
)
def test_errors_say_what_there_is(tmp_path: Path, name: str, version: str, error: type[Exception], words: str) -> None:
    """What cannot be found is told with what can be."""
    manager = started(a_manager(tmp_path, a_bucket(a__1__model="x", ab__model="y")))
    with pytest.raises(error, match=words):
        manager.get(name, version)


def test_a_new_version_is_served_once_it_stood_still(tmp_path: Path) -> None:
    """A version that appears is loaded in the background when its files settled; until then the old one answers."""
    bucket = a_bucket(a__1__model="one")
    manager = started(a_manager(tmp_path, bucket))
    bucket.clock.sleep(POLL_S - 1)
    bucket.put("models/a/2/model", "two")
    bucket.clock.sleep(1)
    manager.tick()
    assert manager.get("a").value == "one"
    with pytest.raises(ModelLoading):
        manager.get("a", 2)
    poll(manager, bucket)
    assert manager.get("a").value == "two"
    assert versions(manager, "a") == [1, 2]


def test_a_file_changed_in_place_is_served_after_a_second_identical_listing(tmp_path: Path) -> None:
    """New bytes under an old name replace the model, by content: times play no part."""
    bucket = a_bucket(a__1__model="one")
    manager = started(a_manager(tmp_path, bucket))
    bucket.put("models/a/1/model", "ONE", age=10_000)
    poll(manager, bucket)
    assert manager.get("a").value == "one"
    poll(manager, bucket)
    assert manager.get("a").value == "ONE"


def test_files_that_are_written_again_have_not_settled(tmp_path: Path) -> None:
    """An upload that writes the same bytes twice is still under way: settling begins anew."""
    bucket = a_bucket(a__1__model="one")
    manager = started(a_manager(tmp_path, bucket))
    for _ in range(3):
        bucket.put("models/a/1/words", "w")
        poll(manager, bucket)
        assert manager.get("a").value == "one"
    bucket.put("models/a/1/model", "ONE")
    poll(manager, bucket, 2)
    assert manager.get("a").value == "ONE+w"


def test_identical_bytes_are_no_change(tmp_path: Path) -> None:
    """An object written again with the same bytes loads nothing."""
    bucket, load = a_bucket(a__1__model="one"), Loader()
    manager = started(a_manager(tmp_path, bucket, load=load))
    bucket.put("models/a/1/model", "one")
    poll(manager, bucket, 3)
    assert load.calls == ["one"]


def test_an_idle_poll_asks_for_one_listing(tmp_path: Path) -> None:
    """However many models there are, nothing but the listing is requested when nothing changed."""
    bucket = a_bucket(a__1__model="x", b__1__model="x", c__model="x")
    manager = started(a_manager(tmp_path, bucket))
    bucket.requests.clear()
    poll(manager, bucket, 3)
    assert bucket.requests == {"list": 3}


def test_a_deletion_needs_two_listings(tmp_path: Path) -> None:
    """A version that is gone from one listing serves on; from two, it is dropped, and its files with it."""
    bucket = a_bucket(a__1__model="one", a__2__model="two")
    manager = started(a_manager(tmp_path, bucket))
    bucket.delete("models/a/2/")
    poll(manager, bucket)
    assert manager.get("a").value == "two"
    poll(manager, bucket)
    assert manager.get("a").value == "one"
    assert bucket.requests["get"] == 2  # the older version is still there: a roll back downloads nothing
    assert manager.cache().disk.used == 1
    with pytest.raises(VersionNotFound):
        manager.get("a", 2)
    bucket.delete("models/")
    poll(manager, bucket, 2)
    with pytest.raises(ModelNotFound):
        manager.get("a")


def test_a_listing_that_lies_deletes_nothing(tmp_path: Path) -> None:
    """However often a listing is empty, what exists when it is asked for by name goes on serving."""
    bucket = a_bucket(a__1__model="one")
    manager = started(a_manager(tmp_path, bucket))
    bucket.lying = True
    poll(manager, bucket, 10)
    assert manager.get("a").value == "one"


def test_a_store_that_is_down_changes_nothing(tmp_path: Path) -> None:
    """Errors are not deletions; the age of what is served is told, and recovery takes one poll."""
    bucket, recorder = a_bucket(a__1__model="one"), Recording()
    manager = started(a_manager(tmp_path, bucket, recorder=recorder))
    bucket.down = True
    poll(manager, bucket, 5)
    assert manager.get("a").value == "one"
    assert [value for name, value in recorder.values if name == "SourceStale"] == [10, 20, 30, 40, 50]
    bucket.down = False
    bucket.put("models/a/2/model", "two", age=60)
    poll(manager, bucket)
    assert manager.get("a").value == "two"


def test_a_broken_version_hurts_nobody(tmp_path: Path) -> None:
    """A latest version that cannot be loaded leaves "latest" to the one before; who asks for it is told why."""
    bucket, load = a_bucket(a__1__model="one", a__2__model="broken two"), Loader()
    manager = started(a_manager(tmp_path, bucket, load=load))
    assert manager.get("a").value == "one"
    with pytest.raises(ModelFailed, match="cannot be loaded: ValueError: cannot read broken two") as failed:
        manager.get("a", 2)
    assert failed.value.retry_after == 10
    [status] = [status for status in manager.status() if status.version == 2]
    assert (status.state, status.memory, status.disk, status.next_retry) == ("failed", False, True, bucket.clock() + 10)


def test_failures_are_tried_again_ever_more_rarely(tmp_path: Path) -> None:
    """Ten minutes with a broken version cost a handful of loads and one download; new bytes are tried at once."""
    bucket, load = a_bucket(a__2__model="broken"), Loader()
    manager = started(a_manager(tmp_path, bucket, load=load))
    poll(manager, bucket, 60)
    assert 4 <= len(load.calls) <= 8
    assert bucket.fetched == {"models/a/2/model": 1}
    bucket.put("models/a/2/model", "mended")
    poll(manager, bucket, 2)
    assert manager.get("a").value == "mended"


@pytest.mark.parametrize("cache", [None, (2, 2)])
def test_a_broken_version_costs_little_however_often_it_is_asked_for(tmp_path: Path, cache: tuple[int, int] | None) -> None:
    """Ten minutes at 100 requests/s: at most 8 loads and one download, "latest" is the good one, the other one is told."""
    bucket, load = a_bucket(a__1__model="one", a__2__model="broken two"), Loader()
    manager = started(a_manager(tmp_path, bucket, load=load, cache=cache))
    for _ in range(600):
        for _ in range(50):
            assert manager.get("a").value == "one"
            with pytest.raises(ModelFailed, match="cannot be loaded: ValueError: cannot read broken two") as failed:
                manager.get("a", "2")
            assert 1 <= failed.value.retry_after <= 600
        bucket.clock.sleep(1)
        if bucket.clock() % 10 == 0:
            manager.tick()
    assert 4 <= load.calls.count("broken two") <= 8
    assert (load.calls.count("one"), bucket.fetched) == (1, {"models/a/1/model": 1, "models/a/2/model": 1})


@pytest.mark.parametrize("last", [996_400.0, 996_400.5])
def test_every_change_of_content_is_seen_and_nothing_else(tmp_path: Path, last: float) -> None:
    """Written twice within a second, by an older time, with the same size, removed, renamed: all told by content alone."""
    bucket, load = a_bucket(a__1__model="aa", a__1__words="w"), Loader()
    bucket.objects = {key: (data, last) for key, (data, _) in bucket.objects.items()}
    manager = started(a_manager(tmp_path, bucket, load=load))

    def after(change: Callable[[], None]) -> object:
        change()
        poll(manager, bucket, 3)
        return manager.get("a").value

    def rename() -> None:
        bucket.objects["models/a/1/zz"] = bucket.objects.pop("models/a/1/model")

    def rewrite(text: str, modified: float) -> None:
        bucket.objects["models/a/1/model"] = text.encode(), modified

    assert after(lambda: rewrite("bb", last)) == "bb+w"
    assert after(lambda: rewrite("cc", last + 0.2)) == "cc+w"
    assert after(lambda: rewrite("aa", 900_000.0)) == "aa+w"
    assert after(lambda: rewrite("aa", bucket.clock())) == "aa+w"
    assert after(rename) == "w+aa"
    assert after(lambda: bucket.delete("models/a/1/words")) == "aa"
    poll(manager, bucket, 5)
    assert load.calls == ["aa+w", "bb+w", "cc+w", "aa+w", "w+aa", "aa"]


def test_made_up_versions_cost_nothing(tmp_path: Path) -> None:
    """However many versions and names that there are not are asked for, no file is written and nothing is remembered."""
    manager = started(a_manager(tmp_path, a_bucket(a__1__model="one"), cache=(1, 1)))
    manager.get("a")
    files = set(tmp_path.rglob("*"))

    def probe(first: int) -> None:
        for number in range(first, first + PROBES):
            with pytest.raises(VersionNotFound):
                manager.get("a", number)
            with pytest.raises(ModelNotFound):
                manager.get(f"m{number}")

    probe(2)
    tracemalloc.start()
    probe(10**9)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{2 * PROBES} look-ups of what there is not: {grown / 1024:.0f} KiB more")
    assert grown < 1 << 20
    assert set(tmp_path.rglob("*")) == files


def test_last_good_serves_while_new_files_are_broken(tmp_path: Path) -> None:
    """An update in place that cannot be loaded leaves the loaded files serving, and shows its error."""
    bucket = a_bucket(a__1__model="one")
    manager = started(a_manager(tmp_path, bucket))
    bucket.put("models/a/1/model", "broken")
    poll(manager, bucket, 2)
    assert manager.get("a", 1).value == "one"
    [status] = manager.status()
    assert (status.state, status.error) == ("ready", "ValueError: cannot read broken")
    assert status.load_ms is not None
    assert status.load_ms > 0


def test_an_upload_file_by_file_never_loads_half(tmp_path: Path) -> None:
    """A SavedModel that arrives in pieces, with long pauses, is loaded once and whole; version 1 serves all the while."""
    whole = ["saved_model.pb", "variables/variables.index"]
    whole += [f"variables/variables.data-{shard:05}-of-00002" for shard in range(2)]
    bucket, load = FakeBucket(Clock(), {f"models/a/1/{path}": "1" for path in whole}), Loader()
    manager = started(a_manager(tmp_path, bucket, layout=TENSORFLOW, load=load))
    for path in whole:
        bucket.put(f"models/a/2/{path}", "2")
        poll(manager, bucket, 3)
        assert manager.get("a").value == ("1+1+1+1" if path != whole[-1] else "2+2+2+2")
    assert load.calls == ["1+1+1+1", "2+2+2+2"]


def test_a_complete_young_model_is_ready_when_start_ends(tmp_path: Path) -> None:
    """A start waits for a whole model whose settle time runs yet; the first request then finds it."""
    bucket = a_bucket()
    bucket.put("models/a/1/model", "one")
    manager = started(a_manager(tmp_path, bucket))
    assert manager.get("a").value == "one"
    assert 5 <= bucket.clock() - 1_000_000 <= 12


def test_a_start_does_not_wait_for_what_settled_or_is_not_whole(tmp_path: Path) -> None:
    """Old files are taken from the first listing, and an incomplete upload holds up nobody."""
    bucket = a_bucket(**{"a__1__a.onnx": "one"})
    bucket.put("models/b/1/readme.txt", "no model")
    manager = started(a_manager(tmp_path, bucket, layout=ONNX))
    assert bucket.clock() == 1_000_000
    assert bucket.requests["list"] == 1
    with pytest.raises(ModelLoading):
        manager.get("b")
    poll(manager, bucket)
    with pytest.raises(ModelFailed, match=r"there is no \*\.onnx file"):
        manager.get("b")


def test_a_restart_with_unchanged_models_downloads_nothing(tmp_path: Path) -> None:
    """The disk store outlives the process."""
    bucket = a_bucket(a__1__model="one", b__model="b")
    started(a_manager(tmp_path, bucket)).close()
    bucket.requests.clear()
    manager = started(a_manager(tmp_path, bucket))
    assert manager.get("a").value == "one"
    assert bucket.requests == {"list": 1}


def test_a_restart_without_the_store_serves_what_the_disk_holds(tmp_path: Path) -> None:
    """A replica that restarts during an outage of the store is ready with the models of before."""
    bucket = a_bucket(a__1__model="one")
    started(a_manager(tmp_path, bucket)).close()
    bucket.down = True
    before = bucket.clock()
    manager = started(a_manager(tmp_path, bucket))
    assert manager.get("a").value == "one"
    assert bucket.clock() - before < 2
    bucket.down = False
    bucket.put("models/a/2/model", "two", age=60)
    poll(manager, bucket)
    assert manager.get("a").value == "two"


def test_a_restart_forgets_what_was_deleted_meanwhile(tmp_path: Path) -> None:
    """The first listing after a start is the truth; files of deleted versions leave the disk."""
    bucket = a_bucket(a__1__model="one", a__2__model="two")
    started(a_manager(tmp_path, bucket)).close()
    bucket.delete("models/a/2/")
    manager = started(a_manager(tmp_path, bucket))
    assert manager.get("a").value == "one"
    assert manager.cache().disk.used == 1


def test_a_restart_takes_what_was_changed_meanwhile(tmp_path: Path) -> None:
    """Files that were overwritten while the process was down, and are old by now, are loaded by the start."""
    bucket = a_bucket(a__1__model="one")
    started(a_manager(tmp_path, bucket)).close()
    bucket.put("models/a/1/model", "ONE", age=60)
    assert started(a_manager(tmp_path, bucket)).get("a").value == "ONE"


def test_a_start_without_store_and_disk_gives_up_with_a_sentence(tmp_path: Path) -> None:
    """After a minute of silence the start fails, so that the platform starts over."""
    bucket = a_bucket()
    bucket.down = True
    with pytest.raises(StartError, match="the models cannot be listed: the store is down"):
        a_manager(tmp_path, bucket).start()
    assert 60 <= bucket.clock() - 1_000_000 < 70


def test_a_store_that_is_no_folder_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    """The disk's own words, and the variable that names another folder."""
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"the model store cannot be used: .*Not a directory.*CXPACK_MODEL_STORE names"):
        a_manager(tmp_path / "file", a_bucket()).start()


class CountingPool(Inline):
    """Runs jobs at once, and counts them."""

    def __init__(self) -> None:
        self.jobs = 0

    def submit(self, job: Callable[[], None]) -> None:
        self.jobs += 1
        job()


def test_the_one_model_of_a_start_needs_no_thread(tmp_path: Path) -> None:
    """It is loaded in the thread that waits for it; several go to the pool, which loads them side by side."""
    alone, several = CountingPool(), CountingPool()
    assert started(a_manager(tmp_path / "1", a_bucket(a__1__model="one"), pool=alone)).get("a").value == "one"
    started(a_manager(tmp_path / "2", a_bucket(a__1__model="one", b__1__model="two"), pool=several))
    assert (alone.jobs, several.jobs) == (0, 2)


def test_a_start_tries_a_failed_fetch_again(tmp_path: Path) -> None:
    """A store that refuses a download for a moment costs the start a second, and no request."""
    bucket = a_bucket(a__1__model="one")
    bucket.no_gets = 1
    assert started(a_manager(tmp_path, bucket)).get("a").value == "one"
    assert bucket.clock() - 1_000_000 < 5


def test_callers_hear_one_sentence_of_a_store_that_fails(tmp_path: Path) -> None:
    """What the store said, with its times and addresses, is for the status; the error of a request never differs."""
    bucket = a_bucket(a__1__model="one")
    manager = started(a_manager(tmp_path, bucket, cache=(1, 1)))
    told = set()
    for milliseconds in (236, 237):
        bucket.down = f"Error performing GET http://127.0.0.1:18050/ in {milliseconds}ms, after 2 retries"
        with pytest.raises(ModelFailed) as failed:
            manager.get("a")
        told.add(failed.value.message)
        assert [status.error for status in manager.status()] == [bucket.down]
        bucket.clock.sleep(60)
    assert told == {"model 'a' version 1 cannot be loaded: its files cannot be fetched now"}


def test_one_path_that_may_not_be_listed_holds_up_nobody(tmp_path: Path) -> None:
    """The other models serve; who asks for that one is told that it could not be listed."""
    paths = {"a": "s3://fake/models/a", "b": "s3://fake/forbidden/b"}
    manager = started(a_manager(tmp_path, a_bucket(a__1__model="one"), paths=paths))
    assert manager.get("a").value == "one"
    with pytest.raises(ModelLoading, match="could not be listed yet at s3://fake/forbidden/b"):
        manager.get("b")


def test_a_place_that_may_not_be_listed_ends_the_start(tmp_path: Path) -> None:
    """Without any model, a permanent error is told at once."""
    with pytest.raises(StartError, match="the models cannot be listed: AccessDenied"):
        a_manager(tmp_path, a_bucket(), directory="s3://fake/forbidden").start()


def test_a_marker_ends_an_upload_however_long_its_pauses(tmp_path: Path) -> None:
    """Where uploads end with a marker, a version counts when the marker is there and none of its files is newer."""
    bucket, load = a_bucket(a__1__model="one", a__1___SUCCESS=""), Loader()
    manager = started(a_manager(tmp_path, bucket, marker="_SUCCESS", load=load))
    for file in ("model", "words"):
        bucket.put(f"models/a/2/{file}", "two")
        bucket.put("models/a/1/model", "ONE")
        poll(manager, bucket, 6)
        assert manager.get("a").value == "one"
    bucket.put("models/a/2/_SUCCESS", "")
    poll(manager, bucket, 2)
    assert manager.get("a").value == "two+two"
    assert manager.get("a", 1).value == "one"
    bucket.put("models/a/1/_SUCCESS", "")
    poll(manager, bucket, 2)
    assert manager.get("a", 1).value == "ONE"
    assert load.calls == ["one", "two+two", "ONE"]


def test_files_that_moved_into_a_version_folder_are_fetched_from_there(tmp_path: Path) -> None:
    """The same files under another folder are no new content, but they are where they are now."""
    bucket = a_bucket(a__model="one")
    started(a_manager(tmp_path / "one", bucket)).close()
    manager = started(a_manager(tmp_path / "one", bucket, cache=(1, 1)))
    bucket.put("models/a/1/model", "one", age=60)
    bucket.delete("models/a/model")
    poll(manager, bucket, 2)
    bucket.put("models/b/model", "b", age=60)
    poll(manager, bucket)
    assert [manager.get(name).value for name in ("b", "a")] == ["b", "one"]


def test_an_empty_place_is_not_an_error(tmp_path: Path) -> None:
    """An API may start before its first model is uploaded."""
    bucket = a_bucket()
    manager = started(a_manager(tmp_path, bucket))
    with pytest.raises(ModelNotFound):
        manager.get("a")
    bucket.put("models/a/1/model", "one", age=60)
    poll(manager, bucket)
    assert manager.get("a").value == "one"


def test_a_pin_decides_what_latest_means(tmp_path: Path) -> None:
    """A pinned version is the latest within one poll, over a restart too, and costs a request only when pins change."""
    bucket = a_bucket(a__1__model="one", a__2__model="two")
    manager = started(a_manager(tmp_path, bucket))
    bucket.put("models/.cxpack/pins.json", '{"a": 1}')
    bucket.requests.clear()
    poll(manager, bucket)
    assert manager.get("a").value == "one"
    assert manager.get("a", 2).value == "two"
    poll(manager, bucket)
    assert bucket.requests == {"list": 2, "get": 1}
    assert started(a_manager(tmp_path / "other", bucket)).get("a").value == "one"
    bucket.delete("models/.cxpack/")
    poll(manager, bucket)
    assert manager.get("a").value == "two"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": 1}' + " " * (1 << 20), '{"a": 1.5}', b"\xff\xff"])
def test_pins_that_cannot_be_read_are_told_and_not_obeyed(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Nested without end, of a megabyte, of another form: the scan goes on without them."""
    bucket = a_bucket(a__1__model="one", a__2__model="two")
    bucket.put("models/.cxpack/pins.json", text)
    assert started(a_manager(tmp_path, bucket)).get("a").value == "two"
    assert "s3://fake/models/.cxpack/pins.json is not obeyed: " in caplog.text


def test_our_own_folder_is_no_model_however_it_is_spelt(tmp_path: Path) -> None:
    """Disks that do not tell `.CXPACK` from `.cxpack` would mix our records with a model's files."""
    manager = started(a_manager(tmp_path, a_bucket(**{".CXPACK__1__model": "x", "a__1__model": "one"})))
    assert {status.name for status in manager.status()} == {"a"}


def test_metadata_is_cortexs(tmp_path: Path) -> None:
    """Versions are strings in order, timestamps whole Unix seconds."""
    manager = started(a_manager(tmp_path, a_bucket(a__2__model="x", a__10__model="y")))
    assert manager.metadata() == {"a": {"versions": ["2", "10"], "timestamps": [996_400, 996_400]}}


def test_metadata_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh that comes in while it is put together brings no model that the rest does not know of, and takes none away."""
    bucket = a_bucket(a__1__model="one", b__1__model="two")
    manager = started(a_manager(tmp_path, bucket, cache=(2, 4)))
    entries = manager._shelf.disk.entries

    def refreshed() -> object:
        bucket.put("models/c/1/model", "three", age=60)
        bucket.delete("models/b/")
        poll(manager, bucket, 2)
        return entries()

    monkeypatch.setattr(manager._shelf.disk, "entries", refreshed)
    assert set(manager.metadata()) == {"a", "b"}
    assert set(manager.metadata()) == {"a", "c"}


def test_metadata_leaves_out_a_model_that_goes_while_it_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a predictor type tells of its loaded versions is told of those that there still are."""
    bucket = a_bucket(a__1__model="one", b__1__model="two")
    manager = started(a_manager(tmp_path, bucket))
    status = manager.status

    def refreshed() -> object:
        found = status()
        bucket.delete("models/b/")
        poll(manager, bucket, 2)
        return found

    monkeypatch.setattr(manager, "status", refreshed)
    models = LazyModels(manager, manager.start, lambda value: {"text": value})
    assert models.metadata() == {"a-1": {"text": "one", "timestamp": 996_400}}


def test_paths_in_one_folder_share_a_listing(tmp_path: Path) -> None:
    """`models.paths` side by side cost one request, until strangers beside them would cost more."""
    bucket = a_bucket(a__model="x", ab__model="y", **{"c.onnx": "z"})
    paths = {name: f"s3://fake/models/{name}" for name in ("a", "ab")} | {"c": "s3://fake/models/c.onnx"}
    manager = started(a_manager(tmp_path, bucket, paths=paths))
    assert [manager.get(name).value for name in paths] == ["x", "y", "z"]
    bucket.requests.clear()
    poll(manager, bucket)
    assert bucket.requests == {"list": 1}
    for number in range(3001):
        bucket.put(f"models/stranger/{number}", "s")
    poll(manager, bucket)
    bucket.requests.clear()
    poll(manager, bucket)
    assert bucket.requests == {"list": 3}


def test_a_stray_file_beside_served_versions_changes_nothing(tmp_path: Path) -> None:
    """A file dropped beside the version folders of a running python model does not turn them into one model."""
    bucket = a_bucket(a__1__model="one", a__2__model="two")
    manager = started(a_manager(tmp_path, bucket))
    bucket.put("models/a/readme.txt", "hello", age=60)
    poll(manager, bucket, 3)
    assert versions(manager, "a") == [1, 2]


def test_structure_may_change_from_unversioned_to_versioned(tmp_path: Path) -> None:
    """Cortex's own sequence: files, files with a folder 5 among them, folder 5 alone."""
    bucket = a_bucket(a__model="one")
    manager = started(a_manager(tmp_path, bucket))
    bucket.put("models/a/5/model", "five", age=60)
    poll(manager, bucket, 2)
    assert (versions(manager, "a"), manager.get("a").value) == ([1], "five+one")
    bucket.delete("models/a/model")
    poll(manager, bucket, 2)
    assert (versions(manager, "a"), manager.get("a").value) == ([5], "five")
