"""Which files of a project its own ignore files leave out: `.cortexignore` and `.dockerignore` of the root.

The first is Cortex's, in gitignore's syntax. The second is Docker's: patterns begin at the root, and a later one may bring
back what is below an excluded folder (Docker's page "Build context").
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathspec import PathSpec

CORTEX, DOCKER = ".cortexignore", ".dockerignore"

Ignored = Callable[[str], str | None]
"""The name of the file that leaves a path out, or None; the path of a folder ends with a slash."""


def ignore_rules(root: Path) -> Ignored:
    """What both files of a project say together. `.env` belongs to it whatever they say."""
    rules = [make(lines) for make, lines in ((_cortex, _lines(root / CORTEX)), (_docker, _lines(root / DOCKER))) if lines]
    if not rules:
        return lambda _path: None
    return lambda path: None if path == ".env" else next((name for rule in rules if (name := rule(path))), None)


def docker_patterns(lines: Sequence[str]) -> Iterator[str]:
    """The patterns of a .dockerignore in gitignore's syntax."""
    for line in lines:
        pattern = line.strip()
        if line.startswith("#") or not pattern:
            continue
        sign = "!" if pattern.startswith("!") else ""
        path = normpath("/" + pattern.removeprefix("!").strip()).lstrip("/")
        if path:
            yield f"{sign}/{path}"
            yield f"{sign}/{path}/**"


def no_patterns(root: Path) -> Iterator[tuple[str, int]]:
    """File and line of what can be no pattern, such as `!` or `[z-a]`: as in git, it matches nothing."""
    for file, patterns in ((CORTEX, list), (DOCKER, docker_patterns)):
        for number, line in enumerate(_lines(root / file), start=1):
            if not all(_is_pattern(file, pattern) for pattern in patterns([line])):
                yield file, number


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []


def _compiled(file: str, patterns: Sequence[str]) -> "PathSpec[Any]":
    from pathspec import GitIgnoreSpec, PathSpec  # here: most projects have no such file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what `[[` may mean to a later Python's re is no concern of the user's
        return GitIgnoreSpec.from_lines(patterns) if file == CORTEX else PathSpec.from_lines("gitignore", patterns)


@lru_cache(maxsize=4096)  # every API of a project asks, of every line
def _is_pattern(file: str, pattern: str) -> bool:
    try:
        _compiled(file, [pattern])
    except (ValueError, re.error):
        return False
    return True


def _cortex(lines: Sequence[str]) -> Ignored:
    spec = _compiled(CORTEX, [line for line in lines if _is_pattern(CORTEX, line)])
    return lambda path: CORTEX if spec.match_file(path) else None


def _docker(lines: Sequence[str]) -> Ignored:
    patterns = [pattern for pattern in docker_patterns(lines) if _is_pattern(DOCKER, pattern)]
    brings_back = any(pattern.startswith("!") for pattern in patterns)
    spec = _compiled(DOCKER, patterns)

    def ignored(path: str) -> str | None:
        if brings_back and path.endswith("/"):  # something below it may belong to the project
            return None
        return DOCKER if spec.match_file(path) else None

    return ignored
