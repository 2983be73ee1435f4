"""A zip's bytes depend on its files alone."""

import os
import zipfile
from pathlib import Path

import pytest

from packager.bundle.archive import write_archive
from packager.bundle.errors import BundleError

FILES = {"b/module.py": b"x = 1\n", "a.txt": b"text", "b/native.so": b"\x7fELF"}


def tree(folder: Path, *, moment: int, backwards: bool) -> Path:
    for path in sorted(FILES, reverse=backwards):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(FILES[path])
        (folder / path).chmod(0o640 if backwards else 0o600)
        os.utime(folder / path, (moment, moment))
    (folder / "b/native.so").chmod(0o700)
    return folder


def test_same_files_same_bytes(tmp_path: Path) -> None:
    """Whatever the folder, the umask, the time and the order in which they were written."""
    before = os.umask(0o077)
    try:
        write_archive(tmp_path / "1.zip", tree(tmp_path / "one", moment=1, backwards=False))
    finally:
        os.umask(before)
    write_archive(tmp_path / "2.zip", tree(tmp_path / "two" / "deeper", moment=1_700_000_000, backwards=True))
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_every_user_may_read(tmp_path: Path) -> None:
    """Lambda's user is none of ours; who may execute stays."""
    size = write_archive(tmp_path / "x.zip", tree(tmp_path / "tree", moment=1, backwards=False), prefix="python/")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        assert archive.testzip() is None
    assert modes == {"python/a.txt": 0o644, "python/b/module.py": 0o644, "python/b/native.so": 0o755}
    assert size == sum(map(len, FILES.values()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree", "x.zip"]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """By name, and nothing is left behind."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"")
    with pytest.raises(BundleError, match="is not UTF-8"):
        write_archive(tmp_path / "out/a.zip", tmp_path / "tree")
    assert not list((tmp_path / "out").iterdir())
