"""The output folder: all or nothing, the same bytes for the same input, nothing of others lost."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from packager.check import check
from packager.output import NotOurs
from packager.project import project_files
from packager.staging import alone
from packager.synth import Synthesis, synth
from tests.builders import PREDICTOR, a_project, an_api
from tests.packager.ordinary import cxpack, needs_permissions


def synthesize(file: Path, out: Path | None = None) -> Synthesis:
    checked = check(file)
    assert checked.ok, [str(problem) for problem in checked.problems]
    return synth(checked, out or file.parent / "cxpack.out")


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_second_synth_changes_nothing_and_its_time_is_printed(tmp_path: Path) -> None:
    """An unchanged project is told to be unchanged, and no file is written again."""
    file = a_project(tmp_path)
    assert synthesize(file).changed == {"echo": True}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cxpack.out").rglob("*")}
    inode = (tmp_path / "cxpack.out/manifest.json").stat().st_ino
    started = time.perf_counter()
    assert synthesize(file).changed == {"echo": False}
    print(f"unchanged synth: {time.perf_counter() - started:.3f} s")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cxpack.out").rglob("*")} == before
    assert (tmp_path / "cxpack.out/manifest.json").stat().st_ino == inode


def test_the_same_project_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    """Folder, umask, time zone, locale, hash seed and file times do not show in the output."""
    file = a_project(tmp_path / "one" / "shop", requirements_dot_txt="numpy\n", lib__deep__module_dot_py="X = 1\n")
    subprocess.run([sys.executable, "-m", "packager", "synth", file], check=True, capture_output=True)
    shutil.copytree(file.parent, tmp_path / "two" / "shop", ignore=shutil.ignore_patterns("cxpack.out", "cdk.json"))
    for path in (tmp_path / "two").rglob("*"):
        os.utime(path, (1, 1))
    subprocess.run(
        ["/bin/sh", "-c", f"umask 077; exec '{sys.executable}' -m packager synth '{tmp_path}/two/shop/cortex.yaml'"],
        check=True,
        capture_output=True,
        env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"},
    )
    assert tree(file.parent / "cxpack.out") == tree(tmp_path / "two/shop/cxpack.out")
    folders = [path for path in (tmp_path / "two/shop/cxpack.out/echo").rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o755}


def test_only_the_changed_api_is_written_again(tmp_path: Path) -> None:
    """A change of one API's configuration leaves its neighbour's context as it was."""
    file = a_project(tmp_path, an_api("one") + an_api("two"))
    synthesize(file)
    inode = (tmp_path / "cxpack.out/one/api.json").stat().st_ino
    file.write_text(an_api("one") + an_api("two", predictor="config: {threshold: 2}"))
    assert synthesize(file).changed == {"one": False, "two": True}
    assert (tmp_path / "cxpack.out/one/api.json").stat().st_ino == inode


def test_equal_files_of_several_apis_are_stored_once(tmp_path: Path) -> None:
    """Twenty APIs of one flavour share the runtime's and the project's bytes: one more costs its api.json."""
    apis = [f"api{number}" for number in range(20)]
    synthesize(a_project(tmp_path, "".join(map(an_api, apis))))
    files = [path for path in (tmp_path / "cxpack.out").rglob("*") if path.is_file()]
    inodes = {path: path.stat().st_ino for path in files}
    first = {inode for path, inode in inodes.items() if path.is_relative_to(tmp_path / "cxpack.out/api0")}
    manifest = inodes[tmp_path / "cxpack.out/manifest.json"]
    assert set(inodes.values()) - first - {manifest} == {inodes[tmp_path / f"cxpack.out/{api}/api.json"] for api in apis[1:]}
    assert {path.stat().st_nlink for path in files if path.name == "predictor.py"} == {20}


def test_compute_sizes_do_not_change_the_image(tmp_path: Path) -> None:
    """More memory is a new stack template, and told as a change, but not a new image."""
    file = a_project(tmp_path)
    synthesize(file)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cxpack.out/echo").rglob("*")}
    file.write_text(an_api(compute="{mem: 2G}"))
    assert synthesize(file).changed == {"echo": True}
    assert '"memory_mb": 1908' in (tmp_path / "cxpack.out/manifest.json").read_text()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cxpack.out/echo").rglob("*")} == before


def test_an_api_that_left_the_file_leaves_the_output(tmp_path: Path) -> None:
    """What the manifest no longer names is removed; what cxpack did not write stays."""
    file = a_project(tmp_path, an_api("one") + an_api("two"))
    synthesize(file)
    (tmp_path / "cxpack.out/notes.txt").write_text("mine")
    file.write_text(an_api("one"))
    synthesize(file)
    assert sorted(path.name for path in (tmp_path / "cxpack.out").iterdir()) == ["manifest.json", "notes.txt", "one"]


def test_a_folder_of_the_users_is_never_overwritten(tmp_path: Path) -> None:
    """An -o that names a folder with other things in the way is refused, untouched."""
    file = a_project(tmp_path / "project")
    (tmp_path / "precious/echo").mkdir(parents=True)
    (tmp_path / "precious/echo/data").write_text("mine")
    with pytest.raises(NotOurs, match="is in the way"):
        synthesize(file, tmp_path / "precious")
    assert tree(tmp_path / "precious").keys() == {"echo/data"}


@pytest.mark.parametrize("folder", ["data", "data/deep", "linked", "models", "models/iris"])
def test_a_folder_of_the_projects_files_is_no_output_folder(tmp_path: Path, folder: str) -> None:
    """The next synth would leave its files out, as it leaves out what the last one wrote."""
    text = an_api(predictor="model_path: models/iris").replace("python\n", "tensorflow\n")
    code = PREDICTOR.replace("Python", "TensorFlow").replace("(self, config)", "(self, config, tensorflow_client)")
    saved = {f"models__iris__1__{name}": b"" for name in ("saved_model_dot_pb", "variables__variables_dot_index")}
    files = {**saved, "models__iris__1__variables__variables_dot_data-00000-of-00001": b""}
    file = a_project(tmp_path, text, predictor_dot_py=code, data__deep__x_dot_txt="x", **files)
    (tmp_path / "linked").symlink_to("data")
    before = tree(tmp_path)
    with pytest.raises(NotOurs, match="which the images need and would then lack"):
        synthesize(file, tmp_path / folder)
    assert tree(tmp_path) == before


def test_other_folders_may_hold_what_they_like(tmp_path: Path) -> None:
    """Around the project, in it but ignored, and outside."""
    file = a_project(tmp_path / "shop", notes__a_dot_md="mine", _dot_cortexignore="notes\n")
    (tmp_path / "b.txt").write_text("mine")
    for out in (tmp_path / "shop/notes", tmp_path):
        assert synthesize(file, out).changed == {"echo": True}
        assert synthesize(file, out).changed == {"echo": False}
    assert (tmp_path / "shop/notes/a.md").read_text() == (tmp_path / "b.txt").read_text() == "mine"


def test_a_failing_write_leaves_the_old_output(tmp_path: Path) -> None:
    """When a file vanishes while it is staged, the previous output is still whole."""
    file = a_project(tmp_path, data_dot_bin=b"1")
    synthesize(file)
    before = tree(tmp_path / "cxpack.out")
    (tmp_path / "predictor.py").write_text((tmp_path / "predictor.py").read_text() + "\n")
    checked = check(file)
    (tmp_path / "data.bin").unlink()
    with pytest.raises(FileNotFoundError):
        synth(checked, tmp_path / "cxpack.out")
    assert tree(tmp_path / "cxpack.out") == before


@needs_permissions
def test_a_project_that_takes_no_cdk_json_gets_no_output_either(tmp_path: Path) -> None:
    """Nothing was changed, as is said then."""
    a_project(tmp_path / "shop")
    (tmp_path / "shop").chmod(0o555)
    result = cxpack("synth", "shop/cortex.yaml", "-o", "elsewhere", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.endswith("Permission denied: 'shop/cdk.json'; nothing was changed\n")
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_no_cdk_json_stays_where_the_output_cannot_be_written(tmp_path: Path) -> None:
    """Whatever is the reason."""
    file = a_project(tmp_path / "shop")
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        synthesize(file, tmp_path / "taken")
    assert not (tmp_path / "shop/cdk.json").exists()


class Ended(BaseException):
    """What Ctrl-C raises, wherever the program is."""


@pytest.mark.parametrize("reason", [Ended, OSError])
@pytest.mark.parametrize("moment", range(8))
def test_an_end_between_any_two_renames_leaves_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int, reason: type[BaseException]
) -> None:
    """Two APIs changed, one new, one gone: seven moves, and whichever is the last, all of them count or none."""
    file = a_project(tmp_path, an_api("one") + an_api("two") + an_api("gone"))
    out = tmp_path / "cxpack.out"
    synthesize(file)
    before = tree(out)
    changed = "".join(an_api(name, predictor="config: {x: 1}") for name in ("one", "two", "new"))
    file.write_text(changed)
    checked, moves = check(file), 0
    rename, replace = Path.rename, Path.replace

    def ending(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def moved(path: Path, target: Path) -> Path:
            nonlocal moves
            moves += 1
            if moves == moment + 1:
                raise reason
            return move(path, target)

        return moved

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", ending(rename))
        patched.setattr(Path, "replace", ending(replace))
        if moment < 7:
            with pytest.raises(reason):
                synth(checked, out)
        else:
            synth(checked, out)
    if moment < 7:
        assert tree(out) == before
        assert sorted(path.name for path in out.iterdir()) == ["gone", "manifest.json", "one", "two"]
    else:
        assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "new", "one", "two"]
        assert synthesize(file).changed == dict.fromkeys(("one", "two", "new"), False)


KILLED = """
import os, signal, sys
from pathlib import Path
from packager.check import check
from packager.synth import synth

moves, rename, replace = 0, Path.rename, Path.replace

def ending(move):
    def moved(path, target):
        global moves
        moves += 1
        if moves == int(sys.argv[1]):
            os.kill(os.getpid(), int(sys.argv[2]))
        return move(path, target)
    return moved

Path.rename, Path.replace = ending(rename), ending(replace)
synth(check(Path("cortex.yaml")), Path("cxpack.out"))
"""


@pytest.mark.parametrize("moment", range(1, 8))
def test_what_a_killed_synth_leaves_is_put_right_by_the_next(tmp_path: Path, moment: int) -> None:
    """Nothing staged stays, and nothing that was moved away is lost, whichever move is the last."""
    file = a_project(tmp_path, an_api("one") + an_api("two") + an_api("gone"))
    out = tmp_path / "cxpack.out"
    synthesize(file)
    old, before = file.read_text(), tree(out)
    file.write_text("".join(an_api(name, predictor="config: {x: 1}") for name in ("one", "two", "new")))
    signum = signal.SIGTERM if moment == 1 else signal.SIGKILL
    killed = subprocess.run([sys.executable, "-c", KILLED, str(moment), str(int(signum))], cwd=tmp_path, check=False)
    assert killed.returncode == -signum
    assert list(out.glob(".staging-*"))
    file.write_text(old)
    assert synthesize(file).changed == dict.fromkeys(("one", "two", "gone"), False)
    assert tree(out) == before
    assert sorted(path.name for path in out.iterdir()) == ["gone", "manifest.json", "one", "two"]


def test_a_killed_first_synth_is_no_part_of_the_project(tmp_path: Path) -> None:
    """Into a folder of the project, which has no manifest yet that would tell what it is."""
    file = a_project(tmp_path, an_api("one") + an_api("two"))
    killed = KILLED.replace("cxpack.out", "out")
    assert subprocess.run([sys.executable, "-c", killed, "2", "9"], cwd=tmp_path, check=False).returncode == -9
    assert (tmp_path / "out/one").exists()
    assert not (tmp_path / "out/manifest.json").exists()
    assert [found.path for found in project_files(tmp_path, file)] == ["predictor.py"]
    assert synthesize(file, tmp_path / "out").changed == {"one": True, "two": True}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "one", "two"]


def test_a_running_synth_is_waited_for(tmp_path: Path) -> None:
    """What it has staged is not swept away, and who waits is told."""
    file = a_project(tmp_path)
    out = tmp_path / "cxpack.out"
    synthesize(file)
    said: list[str] = []
    checked = check(file)
    second = threading.Thread(target=lambda: synth(checked, out, said.append), daemon=True)
    with alone(out, "manifest.json", said.append):
        (out / ".staging-theirs").mkdir()
        second.start()
        second.join(timeout=0.3)
        assert second.is_alive()
        assert (out / ".staging-theirs").exists()
        assert said == [f"another cxpack is writing {out}; waiting until it ends"]
    second.join(timeout=30)
    assert not second.is_alive()
    assert not (out / ".staging-theirs").exists()


def test_a_name_that_is_no_text_is_one_like_others(tmp_path: Path) -> None:
    """It is copied, compared and digested."""
    file, name = a_project(tmp_path), os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("x")
    synthesize(file)
    assert (tmp_path / "cxpack.out/echo/project" / name).exists()
    assert synthesize(file).changed == {"echo": False}
    digests = set()
    for content in (b"x", b"y"):
        (tmp_path / name).write_bytes(content)
        context = check(file).apis[0].context
        assert context is not None
        digests.add(context.digest)
    assert len(digests) == 2


def test_running_a_context_does_not_make_it_changed(tmp_path: Path) -> None:
    """Compiled modules that a run leaves behind are no part of the context."""
    file = a_project(tmp_path)
    synthesize(file)
    cache = tmp_path / "cxpack.out/echo/project/__pycache__"
    cache.mkdir()
    (cache / "predictor.cpython-312.pyc").write_bytes(b"x")
    assert synthesize(file).changed == {"echo": False}


def test_the_output_never_becomes_part_of_the_project(tmp_path: Path) -> None:
    """With -o inside the project, a second synth sees the same project, and so does one without -o."""
    file = a_project(tmp_path)
    assert synthesize(file, tmp_path / "build").changed == {"echo": True}
    assert synthesize(file, tmp_path / "build").changed == {"echo": False}
    synthesize(file)
    assert tree(tmp_path / "build") == tree(tmp_path / "cxpack.out")


def test_a_link_to_nowhere_in_place_of_a_context_is_replaced(tmp_path: Path) -> None:
    """Contexts that were moved to another disk, and are gone from there; where the link is not ours, it stays."""
    file, out = a_project(tmp_path), tmp_path / "cxpack.out"
    synthesize(file)
    shutil.rmtree(out / "echo")
    (out / "echo").symlink_to("/nowhere/at/all")
    assert synthesize(file).changed == {"echo": True}
    assert not (out / "echo").is_symlink()
    (out / "other").symlink_to("/nowhere/at/all")
    file.write_text(an_api("other"))
    with pytest.raises(NotOurs, match="other is in the way"):
        synthesize(file)
    assert (out / "other").is_symlink()


def test_the_output_of_another_version_is_replaced(tmp_path: Path) -> None:
    """An update of cxpack must not ask anybody to delete anything; what is no manifest at all is left alone."""
    file = a_project(tmp_path, an_api("one") + an_api("two"))
    synthesize(file)
    manifest = tmp_path / "cxpack.out/manifest.json"
    manifest.write_text('{"format": 0, "project": "p", "apis": [{"name": "one"}, {"name": "two"}, {"name": "gone"}]}')
    assert synthesize(file).changed == {"one": True, "two": True}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"apis": [{"name": "guide"}]}',
        '{"format": 1, "project": "p", "apis": [{"name": "../guide"}]}',
        '{"format": 1, "project": "p", "apis": [{"name": "a/../../guide"}]}',
        '{"format": 1, "project": "p", "apis": [{"name": ".."}]}',
        '{"format": 1, "project": "p", "apis": [{"name": 5}]}',
        '{"format": 1, "project": "p", "apis": {"guide": 1}}',
        "[" * 100_000,
    ],
)
def test_what_another_manifest_names_is_not_removed(tmp_path: Path, text: str) -> None:
    """Only our own says what was ours: a list of names in somebody else's file is no leave to remove folders of that name."""
    file, out = a_project(tmp_path / "shop"), tmp_path / "docs"
    for folder in (out / "guide", tmp_path / "guide"):
        folder.mkdir(parents=True)
        (folder / "page").write_text("precious")
    (out / "manifest.json").write_text(text)
    before = tree(tmp_path)
    with pytest.raises(NotOurs, match="is not cxpack's"):
        synthesize(file, out)
    assert tree(tmp_path) == before
