"""What lies beside a version's folder on disk: the record that it is whole, and the test whether it still is."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from runtime_handler.models.catalog import Files
from runtime_handler.models.model import ModelId
from runtime_handler.models.source import StoredObject

Key = tuple[ModelId, str]
"""A version and the fingerprint of its files."""


def digest(key: Key) -> str:
    """A file name for a version, whatever its model is called."""
    return hashlib.sha256(json.dumps([*key[0], key[1]]).encode()).hexdigest()[:32]


def dump_record(key: Key, files: Files) -> str:
    """The text of a record."""
    facts = {"folder": files.folder, "fingerprint": files.fingerprint, "modified": files.modified, "objects": files.objects}
    return json.dumps({"name": key[0].name, "version": key[0].version, **facts})


def load_record(text: str) -> tuple[Key, Files]:
    """The version that a record speaks of. Raises ValueError when the text is none: a crash left half of one."""
    data: Any = json.loads(text)
    try:
        objects = tuple(StoredObject(*item) for item in data["objects"])
        files = Files(
            folder=data["folder"],
            objects=objects,
            fingerprint=data["fingerprint"],
            bytes=sum(item.size for item in objects),
            modified=data["modified"],
        )
        return (ModelId(data["name"], data["version"]), files.fingerprint), files
    except (KeyError, TypeError) as error:
        raise ValueError(f"no record: {error}") from error


def is_whole(folder: Path, files: Files) -> bool:
    """Whether the folder holds exactly the version's objects, by name and size."""
    try:
        found = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if not path.is_dir()}
    except OSError:
        return False
    return folder.is_dir() and found == {item.path: item.size for item in files.objects}


def sync_files(folder: Path) -> None:
    """Have the bytes of every file below a folder on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
