"""YAML text in, plain values with line numbers out; the only importer of yaml.

The tree is built from the parser's events, so that limits hold while reading: a few kilobytes of aliases cannot grow
into gigabytes, deep nesting cannot exhaust the stack. Plain scalars mean what they meant to Cortex's parser (Go's
yaml.v2): `1e-3` is a number and `2020-01-01` a text, where PyYAML says the opposite.
"""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from packager.problem import Problem
from packager.tree import Node, TreeBuilder, Unreadable

MAX_BYTES = 1 << 20
MAX_DIRECTIVES = 8
"""Of `%TAG` lines, whose number libyaml's time grows with the square of."""


ONLY_YAML_ENDS = ("\x85", "\u2028", "\u2029")
COLON = "mapping values are not allowed in this context"
"""What libyaml says of the next colon after `type:python`, a text that goes on in the next line, and of that in `a: b: c`."""


class Document(NamedTuple):
    """What a file holds: None when it cannot be read as one YAML document, and then there is an error among `problems`."""

    root: Node | None
    problems: tuple[Problem, ...] = ()


def read_document(data: bytes, file: str) -> Document:
    """The tree of `data`, the bytes of `file` (a name for messages only)."""
    problems: list[Problem] = []

    def report(code: str, message: str, line: int | None = None, path: str = "", *, severity: Any = "error") -> None:
        problems.append(Problem(severity=severity, code=code, file=file, line=line, path=path, message=message))

    try:
        text = _text(data, report)
        root = _build(text, report)
    except Unreadable as unreadable:
        report(unreadable.code, unreadable.message, unreadable.line)
        root = None
    return Document(root=root, problems=tuple(problems))


def _text(data: bytes, report: Any) -> str:
    if len(data) > MAX_BYTES:
        raise Unreadable(f"the file has {len(data):,} bytes, more than the {MAX_BYTES:,} that are read; is it a cortex.yaml?")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("the file is encoded as UTF-16; save it as UTF-8", code="cxpack.not_utf8")
    if data.startswith(b"\xef\xbb\xbf"):
        report("cxpack.byte_order_mark", "begins with a byte-order mark, which is ignored", 1, severity="note")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8", line, "cxpack.not_utf8"
        ) from None
    if "\r\n" in text:
        report("cxpack.windows_line_ends", "has Windows line ends, which are read like any others", 1, severity="note")
    if sum(1 for _ in islice(re.finditer(r"^%", text, re.MULTILINE), MAX_DIRECTIVES + 1)) > MAX_DIRECTIVES:
        raise Unreadable("has too many YAML directives (lines that begin with %); remove them")
    return text


def _build(text: str, report: Any) -> Node | None:
    import yaml  # here, because commands that read no project need not load it

    number = _numbers(text)
    builder = TreeBuilder(report, number)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(_explain(error, text, number), number(mark.line) if mark else None) from None
    except yaml.YAMLError as error:  # a character that YAML forbids
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise Unreadable(f"is not YAML: {getattr(error, 'reason', error)}", line) from None
    return builder.root


def _numbers(text: str) -> Callable[[int], int]:
    """YAML's count of lines, from 0, to the line numbers that editors show.

    To YAML 1.1, lines end at three more characters (U+0085, U+2028, U+2029), which other programs show as any other.
    """
    if not any(end in text for end in ONLY_YAML_ENDS):
        return lambda line: line + 1
    numbers = [1]
    for end in re.findall(r"\r\n|[\r\n\x85\u2028\u2029]", text):
        numbers.append(numbers[-1] + (end not in ONLY_YAML_ENDS))
    return lambda line: numbers[min(line, len(numbers) - 1)]


def _explain(error: Any, text: str, number: Callable[[int], int]) -> str:
    mark, began = error.problem_mark, error.context_mark
    if mark is not None:
        line = "".join(text.splitlines()[mark.line : mark.line + 1])
        if "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column : mark.column + 1] == "\t":
            return "is indented with a tab, which YAML forbids; use spaces"
    context = error.context
    if context and mark is not None and began is not None and began.line != mark.line:
        context += f" that begins in line {number(began.line)}"
    words = f"is not YAML: {', '.join(part for part in (context, error.problem) if part)}"
    return (
        f"{words}; a key ends in a colon and a space, and a text that holds those needs quotes"
        if error.problem == COLON
        else words
    )
