"""Which of a project's files are needed to install its dependencies, before the rest of the project is copied."""

import re
from collections.abc import Callable, Collection, Iterator
from posixpath import dirname, join, normpath

INSTALLERS = ("dependencies.sh", "conda-packages.txt", "requirements.txt")
"""In the order in which Cortex ran them."""

_COMMENT = re.compile(r"(^|\s)#.*")
_WORD = re.compile(r"[^\s\"'=,;()\[\]]+")
_INCLUDED = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]*([^\s\"']+)")
_FOLDER = re.compile(r"(?:-f|--find-links|-e|--editable)[\s=]+([^\s\"']+)")
_PATH = re.compile(r"(\.{1,2}/[^\s;\[]*|[^\s;]+\.whl)(?=[\s;\[]|$)")
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


def names_of_files(text: str, file: str) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """What a requirements file at `file` in the project says is a path: (line from 1, whether pip reads on there, places).

    The places are relative to the project: seen from it, and from the folder of the text. URLs and absolute paths are none.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        written = _COMMENT.sub("", line).strip()
        included = _INCLUDED.match(written)
        match = included or _FOLDER.match(written) or _PATH.match(written)
        if match is not None and "://" not in match[1] and not match[1].startswith(("/", "file:", "git+", "$")):
            places = dict.fromkeys((normpath(join(dirname(file), match[1])), normpath(match[1])))
            yield number, included is not None, tuple(places)
