"""Object keys and local files as nobody would name them: nothing is written outside the store, and good models serve."""

import logging
import os
import random
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from runtime_handler.codec import dump_json
from runtime_handler.errors import ServeError
from runtime_handler.models.layout import ONNX, PYTHON
from runtime_handler.models.manager import Manager
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

TRIALS = int(os.environ.get("CXPACK_GATE_NAMES", "100"))

PARTS = (
    *("", ".", "..", "...", "..a", "~", " ", "a ", "*", "-rf", "C:", "con", "%2e%2e", "%2F", "/etc", "..\\..\\up", "back\\slash"),
    *("1", "2", "01", "001", "-1", "-01", "+1", "0", "-0", "1.0", "²", "１", "9" * 100, "9" * 101, "1" * 300),
    *("a", "A", "ab", "model", "Model", "MODEL", "ß", "SS", "é", "e\u0301", "ı", "I"),
    *("x" * 255, "x" * 256, "é" * 128, "d/" * 150),
    *("model.onnx", "saved_model.pb", "variables", "variables.index", "variables.data-00000-of-00001"),
    *(".cxpack", ".CXPACK", "pins.json", "records", "staging"),
    *("\0", "a\0b", "new\nline", "\r", "\t", "\x07", "\x1b[2J", "\x7f", "\x85", "\u202e", "\ufeff", "\ud800", "\udcff"),
)
"""Parts of keys: what file systems, shells, terminals, XML, Python and our own bookkeeping take for something else."""

GOOD = ("good/1/model.onnx", "goodness/model.onnx")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.truncate", "os.symlink", "os.link"}


class Outside:
    """Hears, from the interpreter itself, of everything that one thread changes outside a folder. It cannot be taken off."""

    def __init__(self) -> None:
        self._inside: str | None = None  # with a slash at its end
        self._seen: list[str] = []
        self._thread = threading.get_ident()
        sys.addaudithook(self._hear)

    @contextmanager
    def is_left_alone(self, inside: Path) -> Iterator[None]:
        """Holds that nothing outside of `inside` was changed in the `with`."""
        self._inside = f"{inside}/"
        try:
            yield
        finally:
            self._inside = None
        assert self._seen == []

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._inside is None or threading.get_ident() != self._thread:
            return
        paths: Sequence[object] = ()
        if event == "open":
            paths = arguments[:1] if isinstance(arguments[2], int) and arguments[2] & WRITING else ()
        elif event in WRITES:  # a bare name is one in a folder that is open, as when a tree is removed
            paths = [path for path in arguments[:2] if isinstance(path, str | Path) and "/" in str(path)]
        for path in paths:
            if isinstance(path, str | Path) and not os.path.normpath(path).startswith(self._inside):
                self._seen.append(f"{event} {path!r}")
                raise PermissionError(self._seen[-1])  # and it is not done


@pytest.fixture(scope="module")
def outside() -> Outside:
    return Outside()


class Loader:
    """Reads every file of a version: `versions` are those it read, by folder, `wrong` what was not where its text says.

    A file holds its path in the source, unless that is a link, which only a source with `links` has.
    """

    def __init__(self, *, links: bool = False) -> None:
        self.versions: set[str] = set()
        self.wrong: list[str] = []
        self._links = links

    def __call__(self, path: Path, name: str) -> str:
        folders = set()
        for root, _, files in os.walk(path):
            for file in files:
                text = (Path(root) / file).read_text(errors="surrogatepass")
                own = (Path(root) / file).relative_to(path).as_posix()
                if text.endswith(own):
                    folders.add(text.removesuffix(own))
                elif not self._links or "secret" in text:
                    self.wrong.append(f"{text!r} was written to {own!r}")
        if len(folders) > 1:
            self.wrong.append(f"one version from several folders: {folders}")
        self.versions |= folders
        return min(folders, default="")


def some_paths(chooser: random.Random) -> Iterable[str]:
    """Paths beside the good ones, some of them in one more model's folder."""
    for _ in range(chooser.randint(1, 8)):
        path = chooser.choice(["", "", "odd/", "odd/1/"]) + "/".join(chooser.choices(PARTS, k=chooser.randint(1, 4)))
        yield chooser.choice([path] * 9 + ["odd/.cxpack/pins.json", ".cxpack/pins.json"])


def examine(manager: Manager, log: pytest.LogCaptureFixture) -> None:
    """Good models serve, every other version serves or says why not, and nothing failed that nobody foresaw."""
    assert [manager.get(name).value for name in ("good", "goodness")] == ["good/1/", "goodness/"]
    for status in manager.status():
        with suppress(ServeError):
            manager.get(status.name, status.version)
    assert b"goodness" in dump_json([status._asdict() for status in manager.status()])
    assert b"goodness" in dump_json(manager.metadata())
    for record in log.records:
        assert record.exc_info is None, record.getMessage()
        assert record.getMessage().isprintable()
    log.clear()


@pytest.mark.parametrize("where", ["dir", "paths"])
def test_hostile_keys_stay_in_the_store(tmp_path: Path, outside: Outside, caplog: pytest.LogCaptureFixture, where: str) -> None:
    """Whatever keys lie beside them, two models serve, one's name the other's beginning; changes and restarts included."""
    caplog.set_level(logging.WARNING)
    paths = {name: f"s3://fake/models/{name}" for name in ("good", "goodness", "odd")} if where == "paths" else None
    load = Loader()
    for number in range(TRIALS):
        chooser = random.Random(number)
        bucket = FakeBucket(Clock(), {f"models/{path}": path for path in GOOD})
        layout, cache = chooser.choice([PYTHON, ONNX]), chooser.choice([None, (1, 3)])
        store = tmp_path / str(number)
        store.mkdir()
        with outside.is_left_alone(store):
            for _ in range(2):
                for path in some_paths(chooser):
                    text = "[" * 100_000 if path.endswith(".cxpack/pins.json") else path
                    bucket.put(f"models/{path}", text.encode(errors="surrogatepass"), age=60)
                manager = a_manager(store, bucket, paths=paths, layout=layout, load=load, cache=cache)
                manager.start()
                examine(manager, caplog)
                for key in chooser.sample(sorted(bucket.objects), k=len(bucket.objects) // 3):
                    if not key.startswith("models/good"):
                        del bucket.objects[key]
                for _ in range(2):
                    bucket.clock.sleep(10)
                    manager.tick()
                examine(manager, caplog)
                manager.close()
        shutil.rmtree(store)
    print(f"{2 * TRIALS} lists of keys: {len(load.versions) - len(GOOD)} odd versions were loaded, all inside the store")
    assert load.wrong == []
    assert len(load.versions) > len(GOOD)


TARGETS = (
    *("/", "/dev/zero", "/proc/self/fd", "../../secret", "../secret/file"),
    *(".", "..", "self", "nowhere", "model", "../odd", "../good/1"),
)


def write(folder: Path, path: str, chooser: random.Random) -> None:
    """A file that holds its own path, or a link or a pipe; nothing where the disk does not take such a name."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = chooser.randrange(10)
    if kind == 0:
        os.mkfifo(file)
    elif kind < 4:
        file.symlink_to(chooser.choice(TARGETS))
    else:
        with file.open("x", errors="surrogatepass") as new:
            new.write(path)


def test_hostile_local_folders_stay_in_the_store(tmp_path: Path, outside: Outside, caplog: pytest.LogCaptureFixture) -> None:
    """Names that are no UTF-8, endless depth, pipes, and links to anywhere: good models serve, and nothing outside is read."""
    caplog.set_level(logging.WARNING)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("secret")
    load = Loader(links=True)
    for number in range(TRIALS // 2):
        chooser = random.Random(number)
        models, store = tmp_path / "models", tmp_path / str(number)
        for path in GOOD:
            (models / path).parent.mkdir(parents=True)
            (models / path).write_text(path)
        for path in some_paths(chooser):
            inside = [part for part in path.split("/") if part not in {"", ".", ".."} and "\0" not in part]
            with suppress(OSError, UnicodeEncodeError):
                write(models, "/".join(inside), chooser)
        store.mkdir()
        with outside.is_left_alone(store):
            manager = a_manager(store, directory=str(models), load=load, settle_s=0, cache=chooser.choice([None, (1, 3)]))
            manager.start()
            examine(manager, caplog)
            manager.tick()
            examine(manager, caplog)
            manager.close()
        shutil.rmtree(store)
        shutil.rmtree(models)
    print(f"{TRIALS // 2} local trees: {len(load.versions) - len(GOOD)} odd versions were loaded, all inside the store")
    assert load.wrong == []
    assert len(load.versions) > len(GOOD)
