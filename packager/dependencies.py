"""Which of a project's files are needed to install its dependencies, before the rest of the project is copied."""

import re
from collections.abc import Callable, Collection, Iterator
from posixpath import dirname, join, normpath

INSTALLERS = ("dependencies.sh", "conda-packages.txt", "requirements.txt")
"""In the order in which Cortex ran them."""

_COMMENT = re.compile(r"(^|\s)#.*")
_WORD = re.compile(r"[^\s\"'=,;()\[\]]+")
_BEFORE_A_PATH = re.compile(r"^(-[a-z]|file:)?(\./)*")


def dependency_files(project: Collection[str], read: Callable[[str], bytes]) -> list[str]:
    """Those of the project's paths that belong into the context's dependencies/ folder, sorted.

    They are the installers that the project has and what these name (`-r base.txt`, `./wheels/x.whl`,
    `bash setup/apt.sh`), what that names in turn, and everything when one installs the project itself (`.`): then every
    edit installs again, otherwise none does. Paths are relative to the project, with `/`; `read` gives a file's bytes.
    """
    paths = set(project)
    needed = {name for name in INSTALLERS if name in paths}
    waiting = sorted(needed)
    while waiting:
        file = waiting.pop()
        content = read(file)
        if b"\0" in content:  # a wheel names nothing
            continue
        found = set(_named(content.decode("utf-8", "replace"), dirname(file), paths)) - needed
        needed |= found
        waiting += sorted(found)
    return sorted(needed)


def _named(text: str, folder: str, project: Collection[str]) -> Iterator[str]:
    """The project's files that a text names, seen from the project or, as pip does, from the folder of the text."""
    for line in text.splitlines():
        for word in _WORD.findall(_COMMENT.sub("", line)):
            if word in {".", "./", "-e."}:
                yield from project
                continue
            written = _BEFORE_A_PATH.sub("", word)
            for path in {normpath(written), normpath(join(folder, written))} - {"."} if written else ():
                if path in project:
                    yield path
                else:
                    yield from (name for name in project if name.startswith(f"{path}/"))
