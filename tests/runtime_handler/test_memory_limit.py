"""What memory a process may take, as a kernel of either kind of control groups and Lambda say it, and what models get of it."""

import math
from pathlib import Path
from typing import Any

import pytest

from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec
from runtime_handler.errors import ModelFailed, NoCapacity, NoRoom
from runtime_handler.memory_limit import memory_left, memory_limit, resident_bytes, room_for_models, share
from runtime_handler.memory_room import MemoryRoom
from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from tests.runtime_handler.harness import a_spec, serving, write_context
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, Recording

MIB = 1 << 20


def a_kernel(root: Path, **files: str) -> Path:
    """Its files, by their paths with two underscores for a slash."""
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc__meminfo": "MemTotal:        4096 kB\nMemFree: 1 kB\n"}, 4 * MIB),
        ({"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__memory_DOT_max": "1048576\n"}, MIB),
        ({"proc__self__cgroup": "0::/a/b\n", "sys__fs__cgroup__a__memory_DOT_max": "1048576\n"}, MIB),
        (
            {"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__memory_DOT_max": "max\n", "proc__meminfo": "MemTotal: 2048 kB"},
            2 * MIB,
        ),
        ({"proc__self__cgroup": "4:memory:/c\n3:cpu:/c\n", "sys__fs__cgroup__memory__memory_DOT_limit_in_bytes": "1048576"}, MIB),
        ({"proc__self__cgroup": "4:cpu,memory:/c\n", "sys__fs__cgroup__memory__c__memory_DOT_limit_in_bytes": "1048576"}, MIB),
        ({}, None),
    ],
)
def test_the_smallest_limit_counts(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    """Of the group, of a group around it, of the machine; nothing is known where the kernel is no Linux."""
    assert memory_limit({}, a_kernel(tmp_path, **files)) == limit


def test_a_functions_memory_is_its_limit(tmp_path: Path) -> None:
    """Lambda says it in a variable."""
    kernel = a_kernel(tmp_path, proc__meminfo="MemTotal: 4194304 kB\n")
    assert memory_limit({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}, kernel) == 512 * MIB


def test_this_process_has_a_limit_and_is_below_it() -> None:
    """The real files can be read."""
    limit = memory_limit()
    assert limit is not None
    assert 0 < resident_bytes() < limit


def test_models_get_what_requests_and_the_process_leave() -> None:
    """An eighth of the limit is kept; so little that a process fills it alone still has room for small models."""
    assert room_for_models(2048 * MIB, 92 * MIB) == 1700 * MIB
    assert room_for_models(128 * MIB, 100 * MIB) == 32 * MIB


def test_processes_share_and_accelerators_have_their_own() -> None:
    """Each process of a replica loads every model; what is in a GPU's memory is not in the container's."""
    spec = a_spec(processes_per_replica=2)
    assert share(spec, 100) == 50
    assert share(spec._replace(accelerator="gpu"), 100) is None


def test_a_cache_without_a_budget_gets_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A budget that was set stays, and is told when it is more than there is."""
    cached, memory = ModelsSpec(dir="s3://b/m", cache_size=8, disk_cache_size=8), 100_000 * MIB
    derived = MemoryRoom(cached, memory)
    assert derived.budget is not None
    assert memory * 0.7 < derived.budget < memory * 0.875
    derived.tell()
    assert caplog.records == []
    manager = a_manager(tmp_path, FakeBucket(Clock()), cache=(8, 8), cache_bytes=memory)
    room = MemoryRoom(cached._replace(cache_bytes=memory), memory)
    room.measure(manager)
    room.tell()
    assert (room.budget, manager.cache().memory.budget) == (None, memory)
    assert "deploy.cache_bytes lets loaded models take 100000 MiB; this process's 100000 MiB have room for" in caplog.text


def test_what_is_taken_beside_models_lowers_the_budget_for_good(tmp_path: Path) -> None:
    """What models count as is left out of what the process takes; a smaller budget that was set, for the disk too, stays."""
    models = ModelsSpec(dir="s3://fake/models", cache_size=3, disk_cache_size=3)
    bucket = FakeBucket(Clock(), {"models/a/1/model": "a" * (10 * MIB)})
    manager = a_manager(tmp_path, bucket, cache=(3, 3))
    manager.start()
    readings = iter([100 * MIB, 100 * MIB, 113 * MIB, 213 * MIB, 113 * MIB, 113 * MIB])
    room = MemoryRoom(models, 800 * MIB, lambda: next(readings))
    before = budget_of(manager, room)
    manager.get("a")
    after = [budget_of(manager, room) for _ in range(3)]
    assert [before, *after] == [600 * MIB, 600 * MIB, 500 * MIB, 500 * MIB]
    limited = a_manager(tmp_path, bucket, cache=(3, 3), disk_cache_bytes=100 * MIB)
    assert budget_of(limited, room) == 130 * MIB


def budget_of(manager: Manager, room: MemoryRoom) -> int:
    """Bytes for models in memory, now that what the process takes was measured."""
    room.measure(manager)
    budget = manager.cache().memory.budget
    assert budget is not None
    return budget


def test_what_memory_has_less_room_for_the_disk_has_more_room_for(tmp_path: Path) -> None:
    """Files that fit beside those of a full memory come first, also when that turned out smaller: a failed fetch costs nobody."""
    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": name * 10 for name in "abc"})
    manager = a_manager(tmp_path, bucket, disk_cache_bytes=30)
    manager.limit_memory(26)
    manager.start()
    for name in "ab":
        manager.get(name)
    bucket.no_gets = 1
    with pytest.raises(ModelFailed):
        manager.get("c")
    assert resident(manager) == ["a/1", "b/1"]


def test_a_model_larger_than_an_estimate_has_the_memory_to_itself(tmp_path: Path) -> None:
    """Files may be larger than what a loader makes of them: nothing but a budget that somebody set refuses them."""
    files = {"models/small/1/model": "s", "models/other/1/model": "o", "models/large/1/model": "x" * 1000}
    bucket = FakeBucket(Clock(), files)
    manager = a_manager(tmp_path, bucket, cache=(3, 3), load=lambda path, name: name, memory_room=100)
    manager.start()
    for name in ("small", "other", "large"):
        assert manager.get(name).value == name
    assert [status.name for status in manager.status() if status.memory] == ["large"]
    assert manager.get("small").value == "small"
    assert [status.name for status in manager.status() if status.memory] == ["small"]


def test_what_is_left_is_asked_for_loaders_that_read_files_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the limit, what the process has not taken; a user's own loader knows better, and a GPU has memory of its own."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1000")
    spec = a_spec(type="onnx")
    assert memory_left(spec) == pytest.approx(1000 * MIB - resident_bytes(), abs=20 * MIB)
    assert memory_left(spec._replace(accelerator="gpu")) == memory_left(a_spec(type="python")) == math.inf


def test_files_that_memory_cannot_hold_are_refused_and_the_process_lives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A load that would end the process is a 503 that says why to whoever runs the API; smaller models go on."""
    bucket = FakeBucket(Clock(), {"models/small/1/model": "s", "models/large/1/model": "x" * (20 * MIB)})
    loads = []

    def load(path: Path, name: str) -> str:
        loads.append(name)
        return name

    manager = a_manager(tmp_path, bucket, cache=(2, 2), load=load, memory_left=lambda: 10 * MIB)
    manager.start()
    with Lease():
        assert manager.get("small").value == "small"
        with pytest.raises(NoCapacity, match="there is not enough memory to load model 'large'") as refusal:
            manager.get("large")
    assert loads == ["small"]
    assert refusal.value.retry_after == 10
    [error] = [status.error for status in manager.status() if status.name == "large"]
    assert error == f"MemoryError: the files take {20 * MIB} bytes, and the process may take {10 * MIB} more"
    assert f"model 'large' version 1 cannot be loaded: {error}" in caplog.text


def test_a_loader_that_runs_out_of_memory_is_told_by_its_own_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those of numpy's error, say, which is a kind of MemoryError; without words, by its name alone."""

    class ArrayError(MemoryError):
        def __str__(self) -> str:
            return "Unable to allocate 8 GiB"

    def load(path: Path, name: str) -> str:
        raise {"a": ArrayError(), "b": MemoryError()}[name]

    bucket = FakeBucket(Clock(), {f"models/{name}/1/model": name for name in "ab"})
    manager = a_manager(tmp_path, bucket, load=load)
    manager.start()
    assert [status.error for status in manager.status()] == ["ArrayError: Unable to allocate 8 GiB", "MemoryError"]
    assert "model 'b' version 1 cannot be loaded: MemoryError" in caplog.text


LARGE = {f"models/{name}/1/model": name * (20 * MIB) for name in "abc"}


def a_small_process(tmp_path: Path, bucket: FakeBucket, **more: Any) -> Manager:
    """Models that take 26 MiB each, and by the estimate all fit, in a process that has 60 MiB for them."""
    managers: list[Manager] = []

    def memory_left() -> float:
        return 60 * MIB - 26 * MIB * sum(status.memory for status in managers[0].status())

    managers.append(
        a_manager(tmp_path, bucket, **{"cache": (9, 9), "load": lambda path, name: name, "memory_left": memory_left, **more})
    )
    managers[0].start()
    return managers[0]


def resident(manager: Manager) -> list[str]:
    return [f"{status.name}/{status.version}" for status in manager.status() if status.memory]


def test_idle_models_leave_when_memory_is_short(tmp_path: Path) -> None:
    """What the budget believes to have room for the process has none for: the least recently used goes, no more than needed."""
    bucket, recorder = FakeBucket(Clock(), LARGE), Recording()
    manager = a_small_process(tmp_path, bucket, memory_room=1000 * MIB, recorder=recorder)
    for name in "abac":
        with Lease():
            assert manager.get(name).value == name
    assert resident(manager) == ["a/1", "c/1"]
    assert (recorder.count("ModelEviction"), recorder.count("ModelLoadError")) == (1, 0)


@pytest.mark.parametrize("room", [None, 80 * MIB])
def test_files_that_memory_cannot_hold_without_others_either_evict_nobody(tmp_path: Path, room: int | None) -> None:
    """However often they are asked for, also when they would have all the room by the estimate."""
    bucket = FakeBucket(Clock(), {**LARGE, "models/large/1/model": "x" * (120 * MIB)})
    manager = a_small_process(tmp_path, bucket, memory_room=room)
    for name in "ab":
        manager.get(name)
    for _ in range(2):
        with pytest.raises(NoCapacity, match="there is not enough memory to load model 'large'"):
            manager.get("large")
        assert resident(manager) == ["a/1", "b/1"]
        bucket.clock.sleep(60)


def test_models_that_take_more_than_they_count_as_leave_when_memory_is_short(tmp_path: Path) -> None:
    """What the process has grown by since its first load may be theirs: a model that fits into that is no lost cause."""
    bucket = FakeBucket(Clock(), {**LARGE, "models/large/1/model": "x" * (40 * MIB)})

    def taken() -> int:
        return 100 * MIB * (resident(manager) != [])

    manager = a_manager(tmp_path, bucket, cache=(9, 9), load=lambda path, name: name, memory_left=lambda: 110 * MIB - taken())
    manager._shelf.loads._footprints._resident = taken
    manager.start()
    for name in ("a", "large"):
        assert manager.get(name).value == name
    assert resident(manager) == ["large/1"]


def test_models_in_use_stay_when_memory_is_short(tmp_path: Path) -> None:
    """A request keeps what it was given, and another's model is refused until it ends."""
    bucket = FakeBucket(Clock(), LARGE)
    manager = a_small_process(tmp_path, bucket)
    with Lease():
        for name in "ab":
            manager.get(name)
        with pytest.raises(NoCapacity, match="there is not enough memory to load model 'c'"):
            manager.get("c")
        assert resident(manager) == ["a/1", "b/1"]
    bucket.clock.sleep(60)
    with Lease():
        assert manager.get("c").value == "c"
    assert resident(manager) == ["b/1", "c/1"]


def test_an_update_that_memory_is_short_of_takes_nobody_from_who_asks_for_latest(tmp_path: Path) -> None:
    """The version that serves stays until the new one stands beside it; another model makes room."""
    bucket = FakeBucket(Clock(), LARGE)
    manager = a_small_process(tmp_path, bucket)
    for name in "ab":
        manager.get(name)
    bucket.put("models/a/2/model", "A" * (20 * MIB), age=60)
    manager.tick()
    assert resident(manager) == ["a/1", "a/2"]
    bucket.put("models/a/3/model", "A" * (50 * MIB), age=60)
    manager.tick()
    assert resident(manager) == ["a/2"]
    assert manager.get("a").id.version == 2


def test_without_a_cache_nobody_leaves_when_memory_is_short(tmp_path: Path) -> None:
    """Nothing would load them again: what is served goes on, and the one that has no room does not."""
    manager = a_small_process(tmp_path, FakeBucket(Clock(), LARGE), cache=None)
    assert resident(manager) == ["a/1", "b/1"]
    [error] = [status.error for status in manager.status() if status.name == "c"]
    assert error is not None
    assert error.startswith("MemoryError: the files take")


def test_a_multi_model_endpoint_evicts_nobody_when_memory_is_short(tmp_path: Path) -> None:
    """SageMaker says what to unload."""
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model").write_text(name * (20 * MIB))
    manager = a_small_process(tmp_path / "store", FakeBucket(Clock()), directory=None, cache=None, memory_room=1000 * MIB)
    for name in "ab":
        manager.folders.load(name, str(tmp_path / name))
    with pytest.raises(NoRoom, match="there is not enough memory to load model 'c'"):
        manager.folders.load("c", str(tmp_path / "c"))
    assert resident(manager) == ["a/1", "b/1"]


READS = """
class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        with open(model_path + "/model", "rb") as file:
            return file.read()

    def predict(self, payload):
        return len(self.client.get_model(payload))
"""


def test_a_server_keeps_its_cache_within_its_memory(tmp_path: Path) -> None:
    """Eight models may be in memory by their number, and as many are as the memory of the process holds."""
    names, size = [f"m{number}" for number in range(8)], 40 * MIB
    for name in names:
        (tmp_path / "models" / name).mkdir(parents=True)
        with (tmp_path / "models" / name / "model").open("wb") as file:
            file.truncate(size)
    models = ModelsSpec(dir=str(tmp_path / "models"), cache_size=8, disk_cache_size=8)
    context = write_context(tmp_path / "context", {"predictor.py": READS}, a_spec(models=models))
    store = {
        "CXPACK_MODEL_STORE": str(tmp_path / "store"),
        "CXPACK_SETTLE_SECONDS": "0",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300",
    }
    with serving(context, **store) as server:
        for name in names * 2:
            assert server.client.post("/iris", json=name, timeout=30).text == str(size)
        used = server.client.get("/-/status").json()["cache"]["memory"]["used"]
        peak = next(line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if "VmHWM" in line)
    assert 1 <= used <= 4
    assert int(peak.split()[1]) * 1024 < 300 * MIB


TAKES = """
class PythonPredictor:
    def __init__(self, config, python_client):
        self.taken = [python_client.get_model() if step == "load" else b"x" * (100 << 20) for step in config["steps"]]

    def load_model(self, model_path):
        with open(model_path + "/model", "rb") as file:
            return file.read()

    def predict(self, payload):
        return 1
"""


@pytest.mark.parametrize("steps", [["take"], ["take", "load"], ["load", "take"]], ids=" then ".join)
def test_models_do_not_get_what_the_constructor_took(tmp_path: Path, steps: list[str]) -> None:
    """100 MiB that it keeps, before it loads models itself or after, are none of those that models may take."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model").write_bytes(b"m" * (20 * MIB))
    path = ModelPath(name=SINGLE_MODEL, path=str(tmp_path / "models"))
    models = ModelsSpec(paths=(path,), cache_size=2, disk_cache_size=2)
    spec = a_spec(models=models, config={"steps": steps})
    context = write_context(tmp_path / "context", {"predictor.py": TAKES}, spec)
    environment = {"CXPACK_SETTLE_SECONDS": "0", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "800"}
    with serving(context, CXPACK_MODEL_STORE=str(tmp_path / "store"), **environment) as server:
        memory = server.client.get("/-/status").json()["cache"]["memory"]
        assert f"loaded models may take {memory['budget'] / MIB:.0f} MiB of this process's 800;" in server.stderr
    assert memory["used"] == ("load" in steps)
    assert 400 * MIB < memory["budget"] < 600 * MIB  # seven eighths less the 100, and less what Python and the server take


def test_a_server_measures_what_its_framework_takes(tmp_path: Path) -> None:
    """A cache loads nothing at the start; what its loads import is there all the same, before models get the rest."""
    models = ModelsSpec(dir="models", cache_size=2, disk_cache_size=2)
    predictor = "class ONNXPredictor:\n    def __init__(self, config, onnx_client): ...\n    def predict(self, payload): ..."
    context = write_context(tmp_path / "context", {"predictor.py": predictor}, a_spec(type="onnx", models=models))
    (context / "models").mkdir()
    with serving(context, CXPACK_MODEL_STORE=str(tmp_path / "store")) as server:
        assert "onnxruntime" in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_a_multi_model_endpoint_tells_when_its_memory_is_full(tmp_path: Path) -> None:
    """507, upon which SageMaker unloads others, rather than the end of the container."""
    for number in range(8):
        (tmp_path / f"m{number}").mkdir()
        with (tmp_path / f"m{number}" / "model").open("wb") as file:
            file.truncate(40 * MIB)
    context = write_context(tmp_path / "context", {"predictor.py": READS}, a_spec(models=ModelsSpec(dir="models")))
    environment = {"SAGEMAKER_MULTI_MODEL": "true", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300"}
    with serving(context, CXPACK_MODEL_STORE=str(tmp_path / "store"), **environment) as server:
        bodies = [{"model_name": f"m{number}", "url": str(tmp_path / f"m{number}")} for number in range(8)]
        answers = [server.client.post("/models", json=body, timeout=30).status_code for body in bodies]
        fitting = answers.index(507)
        assert answers == [200] * fitting + [507] * (8 - fitting)
        assert 1 <= fitting <= 4
        assert server.client.post("/models/m0/invoke", json="m0").text == str(40 * MIB)
        assert server.client.delete("/models/m0").status_code == 200
        assert server.client.post("/models", json=bodies[7], timeout=30).status_code == 200
