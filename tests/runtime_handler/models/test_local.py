"""Local folders as sources: packed ones are served where they lie, live ones are followed like a bucket."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_handler.errors import ModelFailed
from runtime_handler.models.layout import ONNX
from runtime_handler.models.local import LocalSource
from runtime_handler.models.source import SourceChanged
from tests.runtime_handler.models.builders import Loader, a_manager


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_packed_models_are_loaded_from_where_they_are(tmp_path: Path) -> None:
    """A relative path is a folder of the image: no copy, no settling, however young its files are."""
    write(tmp_path / "models" / "a" / "1" / "model", "one")
    folders = []

    def load(path: Path, name: str) -> str:
        folders.append(path)
        return name

    manager = a_manager(tmp_path / "store", directory="models", root=tmp_path, load=load, settle_s=3600)
    manager.start()
    assert folders == [tmp_path / "models" / "a" / "1"]
    [status] = manager.status()
    assert (status.disk, manager.cache().disk.used) == (True, 0)


def test_packed_models_need_no_store(tmp_path: Path) -> None:
    """Models that are loaded from where they lie are served though the store's folder cannot be made; nothing is written."""
    write(tmp_path / "models" / "a" / "1" / "model", "one")
    write(tmp_path / "file", "no folder")
    manager = a_manager(tmp_path / "file", directory="models", root=tmp_path)
    manager.start()
    manager.tick()
    assert manager.get("a").value == "one"
    manager.close()


def test_a_packed_file_is_one_unversioned_model(tmp_path: Path) -> None:
    """A path that ends in `.onnx` is that file alone; the loader gets a folder with nothing else in it."""
    write(tmp_path / "models" / "b.onnx", "other")
    write(tmp_path / "models" / "a.onnx", "model")
    manager = a_manager(tmp_path / "store", paths={"m": "models/a.onnx"}, root=tmp_path, layout=ONNX)
    manager.start()
    assert manager.get("m", 1).value == "model"


def test_a_live_folder_is_followed(tmp_path: Path) -> None:
    """New versions, changed bytes and deletions of an absolute path are seen like a bucket's."""
    models = tmp_path / "live"
    write(models / "a" / "1" / "model", "one")
    manager = a_manager(tmp_path / "store", directory=str(models), settle_s=0)
    manager.start()
    assert manager.get("a").value == "one"
    write(models / "a" / "1" / "model", "ONE")
    write(models / "a" / "2" / "model", "two")
    manager.tick()
    assert (manager.get("a", 1).value, manager.get("a").value) == ("ONE", "two")
    (models / "a" / "2" / "model").unlink()
    manager.tick()
    manager.tick()
    assert manager.get("a").value == "ONE"


def test_a_touched_file_is_no_change(tmp_path: Path) -> None:
    """Files are told apart by their bytes; new times alone load nothing."""
    load, file = Loader(), write(tmp_path / "live" / "a" / "1" / "model", "one")
    manager = a_manager(tmp_path / "store", directory=str(tmp_path / "live"), settle_s=0, load=load)
    manager.start()
    os.utime(file, ns=(1, 1))
    manager.tick()
    assert load.calls == ["one"]


def test_a_link_as_the_root_is_followed_to_where_it_leads_now(tmp_path: Path) -> None:
    """`current -> v2` swaps a whole tree at once."""
    for version in ("v1", "v2"):
        write(tmp_path / version / "a" / "model", version)
    current = tmp_path / "current"
    current.symlink_to("v1")
    manager = a_manager(tmp_path / "store", directory=str(current), settle_s=0)
    manager.start()
    assert manager.get("a").value == "v1"
    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").rename(current)
    manager.tick()
    assert manager.get("a").value == "v2"


def test_links_out_of_the_root_are_not_followed(tmp_path: Path) -> None:
    """A model folder cannot lead to files that are not in it."""
    write(tmp_path / "secret", "secret")
    write(tmp_path / "live" / "model", "x")
    (tmp_path / "live" / "link").symlink_to("../secret")
    (tmp_path / "live" / "inside").symlink_to("model")
    assert [item.path for item in LocalSource(tmp_path / "live").list()] == ["inside", "model"]


def test_a_folder_can_be_listed_alone(tmp_path: Path) -> None:
    """With the same files that the whole listing shows of it, through a link too, and none through a link out of the root."""
    root = tmp_path / "root"
    for path in ("a/1/model", "ab/1/model"):
        write(root / path, path)
    write(tmp_path / "outside" / "model", "secret")
    (root / "link").symlink_to("a")
    (root / "out").symlink_to(tmp_path / "outside")
    source = LocalSource(root)
    whole = source.list()
    for name in ("a", "ab", "link", "out", "nowhere"):
        expected = [item._replace(path=item.path[len(name) + 1 :]) for item in whole if item.path.startswith(f"{name}/")]
        assert source.list(folder=f"{name}/") == expected
    assert len(source._digests) == 3


def test_links_in_a_circle_are_walked_once(tmp_path: Path) -> None:
    """A link to itself, to a folder above it, or to one that leads back, is left out; what it lies beside is listed once."""
    for path in ("live/m/1/model", "live/n/1/model"):
        write(tmp_path / path, "x")
    for link, target in {"m/itself": "itself", "m/above": "..", "m/1/here": ".", "m/n": "../n", "n/m": "../m"}.items():
        (tmp_path / "live" / link).symlink_to(target)
    assert [item.path for item in LocalSource(tmp_path / "live").list()] == [
        *("m/1/model", "m/n/1/model"),
        *("n/1/model", "n/m/1/model"),
    ]
    itself = tmp_path / "itself"
    itself.symlink_to("itself")
    assert list(LocalSource(itself).list()) == []


def test_a_name_that_is_no_text_hides_no_other_model(tmp_path: Path) -> None:
    """Linux takes any bytes as a name; a version that holds such a file is refused, and the other ones are served."""
    for folder in ("a/1", "b/1", "b/2"):
        write(tmp_path / "live" / folder / "model", folder)
    Path(os.fsdecode(os.fsencode(tmp_path / "live" / "b" / "2") + b"/\xff")).touch()
    manager = a_manager(tmp_path / "store", directory=str(tmp_path / "live"), settle_s=0)
    manager.start()
    assert [manager.get(name).value for name in ("a", "b")] == ["a/1", "b/1"]
    with pytest.raises(ModelFailed, match=r"'\\udcff' holds a backslash, a control character or bytes that are no UTF-8"):
        manager.get("b", 2)


def test_folders_may_be_deep(tmp_path: Path) -> None:
    """A folder deeper than Python's stack, and than a path may be long, hides no other model."""
    write(tmp_path / "live" / "a" / "1" / "model", "one")
    write(tmp_path / "live" / "b" / "1" / "model", "b")
    deep = os.open(tmp_path / "live" / "b" / "1", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=deep)
        above, deep = deep, os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(above)
    os.close(deep)
    manager = a_manager(tmp_path / "store", directory=str(tmp_path / "live"), settle_s=0)
    manager.start()
    assert manager.get("a").value == "one"
    with pytest.raises(ModelFailed, match="is longer than 1024 bytes"):
        manager.get("b")
    subprocess.run(["rm", "-r", tmp_path / "live"], check=True)  # pytest's own clean-up goes by recursion


ASK = """
import sys
from pathlib import Path
from tests.runtime_handler.models.builders import a_manager
from runtime_handler.errors import ServeError
root = Path(sys.argv[1])
manager = a_manager(root / "store", directory=str(root / "live"), settle_s=0)
manager.start()
for turn in range(4):
    for name in ("a", "b", "c"):
        try:
            print(manager.get(name).value)
        except ServeError as error:
            print(error.message)
    if turn == 0:
        (root / "live" / "a").chmod(0)
    manager.tick()
"""
ORDINARY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Runs a command without root's right to read whatever it likes."""


@pytest.mark.skipif(ORDINARY != [] and shutil.which("setpriv") is None, reason="root may read everything")
def test_what_may_not_be_read_hurts_its_own_version_alone(tmp_path: Path) -> None:
    """A folder that we may not list, such as lost+found, hides no model; one that becomes unreadable later serves on."""
    for path in ("a/1/model", "b/1/model", "b/2/model", "c/1/model", "lost+found/x"):
        write(tmp_path / "live" / path, path)
    for path in ("b/2/model", "c/1", "lost+found"):
        (tmp_path / "live" / path).chmod(0)
    command = [*ORDINARY, sys.executable, "-c", ASK, str(tmp_path)]
    ended = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=60, check=False)
    for path in ("a", "c/1", "lost+found"):
        (tmp_path / "live" / path).chmod(0o700)
    refused = "model 'c' version 1 cannot be loaded: PermissionError: Permission denied"
    assert ended.stdout.splitlines() == ["a/1/model", "b/1/model", refused] * 4
    assert "'lost+found' cannot be read: Permission denied" in ended.stderr


def test_a_file_that_changes_while_it_is_copied_is_not_taken(tmp_path: Path) -> None:
    """The copy is compared with the listing, byte for byte."""
    file = write(tmp_path / "live" / "model", "before")
    source = LocalSource(tmp_path / "live")
    listed = source.list()
    file.write_text("after!")
    (tmp_path / "copy").mkdir()
    with pytest.raises(SourceChanged):
        source.fetch(listed, "", tmp_path / "copy")


def test_a_missing_folder_is_an_empty_one(tmp_path: Path) -> None:
    """There may be models later."""
    source = LocalSource(tmp_path / "nowhere")
    assert list(source.list()) == list(source.find("model.onnx")) == []
    assert source.gone("model.onnx")
