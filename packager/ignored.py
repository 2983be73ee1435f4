"""Which files of a project its own ignore files leave out: `.cortexignore` and `.dockerignore` of the root.

The first is Cortex's, in gitignore's syntax. The second is Docker's: patterns begin at the root, and a later one may bring
back what is below an excluded folder (Docker's page "Build context").
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from posixpath import normpath

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


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []


def _cortex(lines: Sequence[str]) -> Ignored:
    from pathspec import GitIgnoreSpec  # here: most projects have no such file

    spec = GitIgnoreSpec.from_lines(lines)
    return lambda path: CORTEX if spec.match_file(path) else None


def _docker(lines: Sequence[str]) -> Ignored:
    from pathspec import PathSpec  # as above

    patterns = list(docker_patterns(lines))
    brings_back = any(pattern.startswith("!") for pattern in patterns)
    spec = PathSpec.from_lines("gitignore", patterns)

    def ignored(path: str) -> str | None:
        if brings_back and path.endswith("/"):  # something below it may belong to the project
            return None
        return DOCKER if spec.match_file(path) else None

    return ignored
