"""One scan for all processes of a replica: who lists, who reads, and what happens when somebody fails or ends."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from runtime_handler.contract import ModelPath, ModelsSpec
from runtime_handler.errors import ModelNotFound
from runtime_handler.models import shared_scans
from runtime_handler.models.manager import Manager
from runtime_handler.models.scan import Listed, Scan, Scanner
from runtime_handler.models.shared_scans import Replica, SharedScans, dump_models, load_models, may_share
from runtime_handler.models.source import StoredObject
from tests.faults.test_store_faults import proxy
from tests.runtime_handler.entrypoints.test_supervisor import children
from tests.runtime_handler.harness import Server, a_spec, serving, write_context
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces
from tests.runtime_handler.models.servers import KEY, SECRET, client

POLL_S = 10.0
SPEC = ModelsSpec(dir="s3://fake/models")


def a_bucket() -> FakeBucket:
    return FakeBucket(Clock(), {"models/a/1/model": "one", "models/b/model": "b"})


class Process:
    """What one process of a replica sees; all of them share a bucket, a folder and a clock."""

    def __init__(self, bucket: FakeBucket, folder: Path, since: float = 0.0) -> None:
        self.clock = bucket.clock
        places = FakePlaces(bucket)
        self.scans = SharedScans(
            Timed(Scanner(SPEC, places), bucket.clock),
            SPEC,
            places,
            folder,
            Replica(since=since, poll_s=POLL_S),
            clock=bucket.clock,
            pause=bucket.clock.sleep,
        )

    def scan(self) -> Scan:
        return self.scans.scan()


class Timed:
    """A scanner whose scans began when the test's clock says."""

    def __init__(self, scanner: Scanner, clock: Clock) -> None:
        self.scanner, self.clock = scanner, clock

    def scan(self) -> Scan:
        return self.scanner.scan()._replace(begun=self.clock())

    def again(self, name: str, listed: Listed) -> Listed:
        return self.scanner.again(name, listed)


def seen(scan: Scan) -> dict[str, tuple[tuple[str, ...], int | None, float]]:
    return {name: (tuple(item.path for item in listed.objects), listed.pin, listed.now) for name, listed in scan.models.items()}


def test_processes_take_turns_and_each_takes_every_scan_once(tmp_path: Path) -> None:
    """Four processes that are due together cost one listing a poll; whoever comes first makes it, and all see the same."""
    bucket = a_bucket()
    processes = [Process(bucket, tmp_path) for _ in range(4)]
    for turn in range(5):
        scans = [process.scan() for process in (*processes[turn:], *processes[:turn])]
        assert len({scan.begun for scan in scans}) == 1
        assert all(seen(scan) == seen(scans[0]) for scan in scans)
        assert bucket.requests == {"list": turn + 1}
        bucket.clock.sleep(POLL_S)
    again = [processes[0].scan(), processes[0].scan()]
    assert again[0].begun == again[1].begun  # the same moment of a clock that stands still, and yet two listings
    assert bucket.requests == {"list": 7}


def test_changes_and_pins_reach_all(tmp_path: Path) -> None:
    """New objects and pins are in what is shared; the pins' file is read by one process."""
    bucket = a_bucket()
    one, other = Process(bucket, tmp_path), Process(bucket, tmp_path)
    for process in (one, other):
        process.scan()
    bucket.clock.sleep(POLL_S)
    bucket.put("models/a/2/model", "two")
    bucket.put("models/.cxpack/pins.json", '{"a": 1}')
    expected = {"a": (("1/model", "2/model"), 1, bucket.clock()), "b": (("model",), None, bucket.clock())}
    assert [seen(process.scan()) for process in (other, one)] == [expected, expected]
    assert bucket.requests == {"list": 2, "get": 1}


def test_errors_are_not_shared(tmp_path: Path) -> None:
    """A process that hears of an error tells nobody, and the next one asks for itself; then all are in step again."""
    bucket = a_bucket()
    one, other = Process(bucket, tmp_path), Process(bucket, tmp_path)
    for process in (one, other):
        process.scan()
    bucket.clock.sleep(POLL_S)
    bucket.down = True
    assert one.scan().error is not None
    bucket.down = False
    assert seen(other.scan()).keys() == {"a", "b"}
    assert bucket.requests == {"list": 3}
    bucket.clock.sleep(POLL_S)
    assert one.scan().begun == other.scan().begun
    assert bucket.requests == {"list": 4}


def test_a_start_takes_no_scan_of_before(tmp_path: Path) -> None:
    """What an earlier run left, and what is a poll old, says nothing of now; a worker that came back takes what is new."""
    bucket = a_bucket()
    Process(bucket, tmp_path).scan()
    bucket.clock.sleep(1)
    Process(bucket, tmp_path, since=bucket.clock()).scan()
    assert bucket.requests == {"list": 2}
    Process(bucket, tmp_path, since=bucket.clock()).scan()
    assert bucket.requests == {"list": 2}
    bucket.clock.sleep(POLL_S + 1)
    Process(bucket, tmp_path).scan()
    assert bucket.requests == {"list": 3}


def test_a_scan_of_before_a_look_is_no_news(tmp_path: Path) -> None:
    """Who looked at a model knows more than a scan that began before that."""
    bucket = a_bucket()
    one, other = Process(bucket, tmp_path), Process(bucket, tmp_path)
    scan = one.scan()
    other.scan()
    bucket.clock.sleep(4)
    other.scan()
    bucket.clock.sleep(1)
    bucket.put("models/a/2/model", "two")
    assert [item.path for item in one.scans.again("a", scan.models["a"]).objects] == ["1/model", "2/model"]
    bucket.clock.sleep(5)
    assert seen(one.scan())["a"][0] == ("1/model", "2/model")
    assert bucket.requests == {"list": 4}


def test_a_scan_from_the_future_is_not_believed(tmp_path: Path) -> None:
    """A folder that outlived the machine's start may hold times of another clock."""
    bucket = a_bucket()
    Process(bucket, tmp_path).scan()
    bucket.clock.now -= 1000
    process = Process(bucket, tmp_path)
    process.scan()
    bucket.clock.sleep(POLL_S)
    process.scan()
    assert bucket.requests == {"list": 3}
    assert Process(bucket, tmp_path).scan().begun == bucket.clock()
    assert bucket.requests == {"list": 3}


@contextmanager
def stuck(folder: Path) -> Iterator[None]:
    """Another process that holds the lock and goes on holding it."""
    [name] = folder.glob("*.lock")
    with name.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_nobody_waits_for_a_process_that_is_stuck(tmp_path: Path) -> None:
    """After a minute another one scans, and the others take that at once."""
    bucket = a_bucket()
    one, other = Process(bucket, tmp_path), Process(bucket, tmp_path)
    one.scan()
    other.scan()
    bucket.clock.sleep(POLL_S)
    with stuck(tmp_path):
        before = bucket.clock()
        scan = one.scan()
        assert shared_scans.PATIENCE_S <= bucket.clock() - before < shared_scans.PATIENCE_S + 1
        before = bucket.clock()
        assert other.scan().begun == scan.begun
        assert bucket.clock() == before
    assert bucket.requests == {"list": 2}


def test_a_late_scan_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    """A process that was stopped in the middle of a scan tells nobody of it when it goes on."""
    bucket = a_bucket()
    late, one, other = (Process(bucket, tmp_path) for _ in range(3))
    for process in (late, one, other):
        process.scan()
    bucket.clock.sleep(POLL_S)
    begun = bucket.clock()
    bucket.clock.sleep(POLL_S)
    newer = one.scan()
    late.scans._publish(Scan(models={}, begun=begun))
    assert other.scan().begun == newer.begun


def test_without_a_disk_to_write_to_each_scans_for_itself(tmp_path: Path) -> None:
    """A folder that is gone, or full, costs requests and nothing else."""
    bucket = a_bucket()
    processes = [Process(bucket, tmp_path / "gone") for _ in range(3)]
    for process in processes:
        assert seen(process.scan()).keys() == {"a", "b"}
    assert bucket.requests == {"list": 3}


@pytest.mark.parametrize("text", [b"", b"{", b'{"begun": 1}', b'{"begun": 1e6, "now": {}}\n{', b"\xff\n"])
def test_what_cannot_be_read_is_scanned_anew(tmp_path: Path, text: bytes) -> None:
    """Half a file, or none of ours, is as good as none."""
    bucket = a_bucket()
    Process(bucket, tmp_path).scan()
    for file in tmp_path.iterdir():
        if not file.suffix:
            file.write_bytes(text)
    assert seen(Process(bucket, tmp_path).scan()).keys() == {"a", "b"}
    assert bucket.requests == {"list": 2}


def test_every_name_survives(tmp_path: Path) -> None:
    """Whatever a key holds reads back as it was."""
    places = FakePlaces(a_bucket())
    source = places.source("s3://fake/models")
    objects = tuple(StoredObject(path, 2**40, "e", 1.5) for path in ("ü/ \n", "\udc80", "1//x"))
    models = {"m é": Listed(source=source, folder="m é/", objects=objects, now=7.25, pin=-(10**30))}
    [(name, read)] = load_models(dump_models(models), places, {str(source): 7.25}).items()
    assert (name, str(read.source), read.folder, read.objects) == ("m é", str(source), "m é/", objects)
    assert (read.now, read.pin, read.in_place) == (7.25, -(10**30), None)


def test_only_models_in_s3_are_shared() -> None:
    """A folder costs nothing to list, and its digests are each process's own."""
    here, there = ModelPath(name="a", path="/models/a"), ModelPath(name="b", path="s3://b/m")
    assert may_share(ModelsSpec(dir="s3://b/m"))
    assert may_share(ModelsSpec(paths=(there,)))
    assert not any(map(may_share, (ModelsSpec(dir="models"), ModelsSpec(paths=(there, here)), ModelsSpec())))


def test_managers_delete_after_two_listings_of_which_each_made_one(tmp_path: Path) -> None:
    """A deletion takes two polls in every process; a listing that is read twice does not count twice."""
    bucket = a_bucket()
    replica = Replica(since=time.monotonic(), poll_s=POLL_S)

    def a_process() -> Manager:
        manager = a_manager(tmp_path, bucket, replica=replica)
        manager.start()
        return manager

    one, other = a_process(), a_process()
    assert bucket.requests == {"list": 1, "get": 2}
    bucket.delete("models/a/")
    for served in (True, False):
        bucket.clock.sleep(POLL_S)
        for manager in (one, other):
            manager.tick()
            if served:
                assert manager.get("a").value == "one"
            else:
                with pytest.raises(ModelNotFound):
                    manager.get("a")
    assert bucket.requests["list"] == 3


WHO = """
import os

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        with open(os.path.join(model_path, "model")) as file:
            return file.read()

    def predict(self, payload):
        return {"pid": os.getpid(), "model": self.client.get_model()}
"""
PROCESSES, SHORT_S = 4, 0.5


def answers(server: Server) -> dict[int, str]:
    """What each process serves, asked on connections that are open together."""
    found = {}
    clients = [httpx.Client(base_url=server.url, trust_env=False, timeout=30) for _ in range(2 * PROCESSES)]
    for each in clients:
        answer = each.post("/iris", json=0)
        if answer.status_code == 200:
            found[answer.json()["pid"]] = answer.json()["model"]
    for each in clients:
        each.close()
    return found


def wait_for(server: Server, model: str) -> None:
    """Ask until every process serves that."""
    deadline = time.monotonic() + 60
    while (found := answers(server)) and time.monotonic() < deadline:
        if len(found) == PROCESSES and set(found.values()) == {model}:
            return
    raise AssertionError(f"{found}; the server says:\n{server.stderr}")


@pytest.mark.usefixtures("aws")
def test_four_processes_list_as_often_as_one(moto: str, tmp_path: Path) -> None:
    """One listing for the start of all, then one a poll, whoever of them is killed; every process follows each change."""
    s3 = client(moto)
    s3.create_bucket(Bucket="shared-scans")
    s3.put_object(Bucket="shared-scans", Key="m/1/model", Body=b"one")
    models = ModelsSpec(paths=(ModelPath(name="_cortex_default", path="s3://shared-scans/m/"),))
    spec = a_spec(processes_per_replica=PROCESSES, models=models)
    context = write_context(tmp_path / "context", {"predictor.py": WHO}, spec)
    with proxy(moto) as (endpoint, handler):
        environment = {
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "CXPACK_MODEL_STORE": str(tmp_path / "store"),
            "CXPACK_SETTLE_SECONDS": "0",
        }
        with serving(context, CXPACK_POLL_SECONDS="3600", **environment) as server:
            wait_for(server, "one")
            assert handler.listings == 1
            server.stop()
        handler.listings = 0
        begun = time.monotonic()
        with serving(context, CXPACK_POLL_SECONDS=str(SHORT_S), **environment) as server:
            for change in ("two", "three", "four"):
                s3.put_object(Bucket="shared-scans", Key="m/2/model", Body=change.encode())
                wait_for(server, change)
                os.kill(children(server.process.pid)[0], signal.SIGKILL)
                wait_for(server, change)
            server.stop()
        polls = (time.monotonic() - begun) / SHORT_S
        print(f"{handler.listings} listings of {PROCESSES} processes in {polls:.0f} polls")
        assert handler.listings <= polls + 1
