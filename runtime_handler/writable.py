"""Where the user's code may write: a working directory and a home, where the container has neither.

Cortex ran as root in the project's folder, and predictors download their model beside themselves (`open("export.pkl", "wb")`).
Here neither the user nor, on Lambda and ECS, the file system lets anyone write there.
"""

import os
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

HOME = "/tmp"
"""Of a process that has no home it can write to: a Lambda function from zips. The images set it themselves."""


def working_folder(project: Path, stand_in: Path) -> Path:
    """The folder to work in: `project` where it can be written to, otherwise `stand_in`, which then has all that it has.

    Files are links, so that this takes a fraction of a millisecond: new ones can be written, those of the project be replaced
    (renamed over, deleted), not changed in place. Where nothing at all can be written, `project`.
    """
    if os.access(project, os.W_OK):
        return project
    try:
        link_files(project, stand_in)
    except OSError:
        return project
    return stand_in


def link_files(project: Path, stand_in: Path) -> None:
    """Give `stand_in` the folders of `project`, and in them links to its files; what is there already stays. Raises OSError."""
    root = project.resolve()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        here = stand_in / os.path.relpath(folder, root)
        here.mkdir(parents=True, exist_ok=True)
        for name in files:
            with suppress(FileExistsError):  # an environment that starts again finds what it has made
                (here / name).symlink_to(f"{folder}/{name}")


def ensure_home(environ: MutableMapping[str, str]) -> None:
    """Libraries keep what they download below HOME, and fail where they cannot."""
    if not os.access(environ.get("HOME") or "/nonexistent", os.W_OK):
        environ["HOME"] = HOME
