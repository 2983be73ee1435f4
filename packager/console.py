"""What the user sees: results on standard output, everything else on standard error; the only module that prints."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from packager.check import Check

DONE, PROBLEMS, USAGE = 0, 1, 2
"""Exit statuses."""


def show_any_text() -> None:
    """Write what a terminal's encoding lacks, and names of files that are no text, as escapes: no output ends a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class NotWritten(Exception):
    """What the user was to see could not be written: the disk behind the output is full, or worse."""


def _print(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NotWritten(f"the output cannot be written: {error.strerror or error}") from None


def discard_output() -> None:
    """Write no more: what is left in the buffers would fail again, and loudly, when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # no file behind it
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def result(line: str) -> None:
    """One line of what was asked for, sent at once: another program may wait for it."""
    _print(line, sys.stdout)


def result_json(value: object) -> None:
    """The whole answer of `--format json`."""
    _print(json.dumps(value, indent=2), sys.stdout)


def say(line: str) -> None:
    """Progress, notes and problems."""
    _print(line, sys.stderr)


def fail(message: str) -> int:
    """Say what is wrong; the exit status."""
    say(f"error: {message}")
    return PROBLEMS


def say_problems(checked: "Check") -> None:
    """Every problem of a file, errors as they are, the others with their severity."""
    for problem in checked.problems:
        say(str(problem) if problem.severity == "error" else f"{problem.severity}: {problem}")


def refuse(checked: "Check", outcome: str) -> int:
    """Say every problem, their number and what did not happen because of them; the exit status."""
    say_problems(checked)
    errors = sum(problem.severity == "error" for problem in checked.problems)
    say(f"{errors} problem{'' if errors == 1 else 's'} in {checked.file}; {outcome}" if errors else outcome)
    return PROBLEMS


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, every column but the last as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows]
