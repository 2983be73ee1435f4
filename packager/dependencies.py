"""Which of a project's files are needed to install its dependencies, before the rest of the project is copied."""

import re
from collections.abc import Iterator, Mapping

INSTALLERS = ("dependencies.sh", "conda-packages.txt", "requirements.txt")
"""In the order in which Cortex ran them."""

_COMMENT = re.compile(r"(^|\s)#.*")
_WORD = re.compile(r"[^\s\"'=,;()\[\]]+")
_BEFORE_A_PATH = re.compile(r"^(-[a-z]|file:)?(\./)*")


def dependency_files(project: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the context's dependencies/ folder; paths are relative to the project, with `/`.

    The three installers are always there, empty when the project has none, because a Dockerfile cannot ask. What one of
    them names comes along (`-r base.txt`, `./wheels/x.whl`, `bash setup/apt.sh`), what that names in turn too, and
    everything when one installs the project itself (`.`): then every edit installs again, otherwise none does.
    """
    needed = {name: project.get(name, b"") for name in INSTALLERS}
    waiting = list(INSTALLERS)
    while waiting:
        text = needed[waiting.pop()].decode("utf-8", "replace")
        for named in _named(text if "\0" not in text else "", project):  # a wheel names nothing
            if named not in needed:
                needed[named] = project[named]
                waiting.append(named)
    return needed


def _named(text: str, project: Mapping[str, bytes]) -> Iterator[str]:
    for line in text.splitlines():
        for word in _WORD.findall(_COMMENT.sub("", line)):
            path = _BEFORE_A_PATH.sub("", word).rstrip("/")
            if word in {".", "./", "-e."}:
                yield from project
            elif path in project:
                yield path
            elif path:
                yield from (name for name in project if name.startswith(f"{path}/"))
