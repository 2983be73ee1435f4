"""A project's folder as its checks see it: what is a file of it, what is left out, and how far to look."""

import os
from pathlib import Path
from typing import NamedTuple

from packager.ignored import ignore_rules
from packager.s3_models import ListKeys

LARGEST_SOURCE = 4 << 20
"""Bytes of a predictor file or requirements.txt that are read; a bigger one is not what it is said to be."""


class Project(NamedTuple):
    """A project's folder, and how far to look.

    `shown` is the folder as the user typed it, for messages. `lock` says that versions of requirements are about to be
    resolved, `list_keys` asks S3; without it S3 paths are taken on trust.
    """

    root: Path
    shown: Path
    lock: bool = False
    list_keys: ListKeys | None = None

    def refusal(self, path: str) -> tuple[str, str] | None:
        """Why `path` is no file or folder of the project, as code and sentence; None when it is one."""
        written = self.root / path
        real, root = os.path.realpath(written), os.path.realpath(self.root)
        if not os.path.lexists(written):
            return "files.file_does_not_exist", f"{path} is not in the project's folder"
        if os.path.commonpath((real, root)) != root:
            return "cxpack.outside_project", f"{path} leads out of the project, to {real}; copy it into the project"
        if os.path.normpath(path).partition("/")[0] in {"", ".."}:
            message = f"{path} is in the project, but the image is another folder; write {os.path.relpath(real, root)}"
            return "spec.must_be_relative_project_path", message
        if any(part.startswith(".") and part not in {".", ".."} for part in Path(path).parts):
            return "files.file_does_not_exist", f"{path} is hidden (its name begins with a dot), so it is not deployed; rename it"
        return None

    def ignored_by(self, path: str) -> str | None:
        """The ignore file that leaves a file of the project out, or None."""
        return ignore_rules(self.root)(path)

    def read(self, path: str) -> bytes:
        """The first LARGEST_SOURCE bytes of a file. Raises OSError."""
        with (self.root / path).open("rb") as file:
            return file.read(LARGEST_SOURCE)
