"""One thing wrong, or worth knowing, in a user's project: a fact to print, never an exception."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class Problem(NamedTuple):
    """What is wrong, where, and what to do about it, for the person who can fix it.

    `code` is stable and for programs: Cortex's own (`spec.*`, `configreader.*`) where it has one, else `deploy.*` or
    `cxpack.*`. `file` is written as the user typed it, `line` counts from 1 (None: the file as a whole), `path` is the
    place in the file in the user's own spelling (`apis[0].compute.mem`, empty for the whole file).
    """

    severity: Severity
    code: str
    file: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


MOST = 1_000
"""Problems that are listed; nobody reads on, and a hostile file could have as many as it has keys."""


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by file and line, each once; those of a whole file come first, equals stay in their order.

    Beyond MOST they are counted, not listed; errors are listed before others then.
    """
    once = list(dict.fromkeys(problems))
    if len(once) > MOST + 1:  # a list that was cut already has one more
        left_out = len(once) - MOST
        once = sorted(once, key=lambda problem: problem.severity != "error")[:MOST]
        message = f"{left_out:,} more problems are not listed; correct these first"
        once.append(once[0]._replace(code="cxpack.more_problems", line=None, path="", message=message))
    return tuple(sorted(once, key=lambda problem: (problem.file, problem.line or 0)))


def any_error(problems: Iterable[Problem]) -> bool:
    """Whether one of them forbids going on."""
    return any(problem.severity == "error" for problem in problems)
