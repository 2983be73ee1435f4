"""YAML text in, plain values with line numbers out; the only importer of yaml.

The tree is built from the parser's events, so that limits hold while reading: a few kilobytes of aliases cannot grow
into gigabytes, deep nesting cannot exhaust the stack. Plain scalars mean what they meant to Cortex's parser (Go's
yaml.v2): `1e-3` is a number and `2020-01-01` a text, where PyYAML says the opposite.
"""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from packager.problem import Problem
from packager.scalar import Unresolvable, resolve

MAX_BYTES = 1 << 20
MAX_NODES = 30_000
MAX_DEPTH = 64
MAX_DIRECTIVES = 8
"""Of `%TAG` lines, whose number libyaml's time grows with the square of."""

ROOT = "apis"
"""What the list of the whole file is called in paths."""


class Node:
    """A value and where it stands.

    `value` is None, bool, int, float, str, a list of nodes or a dict of str to node; `text` is a scalar as written.
    `line` is the line of the key that holds the value, else the value's own. `path` is the user's way to it.
    """

    __slots__ = ("line", "path", "text", "value")

    def __init__(self, value: Any, line: int, path: str, text: str = "") -> None:
        self.value = value
        self.line = line
        self.path = path
        self.text = text

    def plain(self) -> Any:
        """The value without lines: what the user's code is given."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
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
        root = _Builder(report).build(text)
    except _Unreadable as unreadable:
        report(unreadable.code, unreadable.message, unreadable.line)
        root = None
    return Document(root=root, problems=tuple(problems))


class _Unreadable(Exception):
    def __init__(self, message: str, line: int | None = None, code: str = "configreader.invalid_yaml") -> None:
        super().__init__(message)
        self.code, self.message, self.line = code, message, line


def _text(data: bytes, report: Any) -> str:
    if len(data) > MAX_BYTES:
        raise _Unreadable(f"the file has {len(data):,} bytes, more than the {MAX_BYTES:,} that are read; is it a cortex.yaml?")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Unreadable("the file is encoded as UTF-16; save it as UTF-8", code="cxpack.not_utf8")
    if data.startswith(b"\xef\xbb\xbf"):
        report("cxpack.byte_order_mark", "begins with a byte-order mark, which is ignored", 1, severity="note")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Unreadable(
            f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8", line, "cxpack.not_utf8"
        ) from None
    if "\r\n" in text:
        report("cxpack.windows_line_ends", "has Windows line ends, which are read like any others", 1, severity="note")
    if sum(1 for _ in islice(re.finditer(r"^%", text, re.MULTILINE), MAX_DIRECTIVES + 1)) > MAX_DIRECTIVES:
        raise _Unreadable("has too many YAML directives (lines that begin with %); remove them")
    return text


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not been read."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    merges: list[Node] = field(default_factory=list)

    @property
    def wants_key(self) -> bool:
        return isinstance(self.node.value, dict) and self.key is None


class _Builder:
    """Turns the events of one document into nodes; holds the anchors and the count of nodes meanwhile."""

    def __init__(self, report: Any) -> None:
        self._report = report
        self._anchors: dict[str, Node | None] = {}
        self._stack: list[_Open] = []
        self._count = 0
        self._root: Node | None = None

    def build(self, text: str) -> Node | None:
        import yaml  # here, because commands that read no project need not load it

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there
        try:
            for event in yaml.parse(text, Loader=loader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise _Unreadable(_explain(error, text), mark.line + 1 if mark else None) from None
        except yaml.YAMLError as error:  # a character that YAML forbids
            line = text.count("\n", 0, getattr(error, "position", 0)) + 1
            raise _Unreadable(f"is not YAML: {getattr(error, 'reason', error)}", line) from None
        return self._root

    def _take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "ScalarEvent":
                self._scalar(event, line)
            case "AliasEvent":
                self._alias(event.anchor, line)
            case "MappingStartEvent" | "SequenceStartEvent" as name:
                self._open({} if name == "MappingStartEvent" else [], event, line)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()
            case "DocumentStartEvent" if self._root is not None:
                raise _Unreadable("holds a second YAML document; keep one list of APIs in a file", line)

    def _scalar(self, event: Any, line: int) -> None:
        if self._stack and self._stack[-1].wants_key:
            self._key(event, line)
            return
        try:
            value = resolve(event.value, event.tag, plain=event.implicit[0])
        except Unresolvable as error:
            raise _Unreadable(str(error), line) from None
        node = self._node(value, line, event.value)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._attach(node)

    def _key(self, event: Any, line: int) -> None:
        top = self._stack[-1]
        key = resolve(event.value, event.tag, plain=event.implicit[0])
        if not isinstance(key, str):
            path = f"{top.node.path}.{event.value}"
            self._report("configreader.non_string_key_found", f'keys are texts; write "{event.value}" in quotes', line, path)
        top.key, top.key_line = event.value, line

    def _alias(self, anchor: str, line: int) -> None:
        if self._stack and self._stack[-1].wants_key:
            raise _Unreadable(f"the alias *{anchor} stands for a key; write the key itself", line)
        if anchor not in self._anchors:
            raise _Unreadable(f"the alias *{anchor} has no anchor &{anchor} before it", line)
        target = self._anchors[anchor]
        if target is None:
            raise _Unreadable(f"the alias *{anchor} stands inside its own anchor, so it would never end", line)
        self._attach(self._copy(target, self._next_path(), line, len(self._stack)))

    def _copy(self, node: Node, path: str, line: int, depth: int) -> Node:
        self._admit(line, depth)
        value = node.value
        if isinstance(value, dict):
            value = {key: self._copy(child, f"{path}.{key}", child.line, depth + 1) for key, child in value.items()}
        elif isinstance(value, list):
            value = [self._copy(child, f"{path}[{at}]", child.line, depth + 1) for at, child in enumerate(value)]
        return Node(value, line, path, node.text)

    def _open(self, value: Any, event: Any, line: int) -> None:
        if self._stack and self._stack[-1].wants_key:
            raise _Unreadable("keys are texts, not lists or maps", line, "configreader.non_string_key_found")
        if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise _Unreadable(f"the tag {event.tag} has no meaning here; remove it", line)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(self._node(value, line), event.anchor))

    def _close(self) -> None:
        done = self._stack.pop()
        for merged in done.merges:
            self._merge(done.node, merged)
        if done.anchor:
            self._anchors[done.anchor] = done.node
        self._attach(done.node)

    def _merge(self, into: Node, merged: Node) -> None:
        sources = merged.value if isinstance(merged.value, list) else [merged]
        for source in sources:
            if not isinstance(source.value, dict):
                raise _Unreadable("<< merges maps only", merged.line)
            for key, child in source.value.items():
                if key not in into.value:
                    into.value[key] = self._copy(child, f"{into.path}.{key}", child.line, len(self._stack) + 1)

    def _node(self, value: Any, line: int, text: str = "") -> Node:
        self._admit(line, len(self._stack))
        if self._stack and self._stack[-1].key is not None:
            line = self._stack[-1].key_line
        return Node(value, line, self._next_path(), text)

    def _admit(self, line: int, depth: int) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise _Unreadable(f"holds more than {MAX_NODES:,} values once aliases are written out", line, "cxpack.too_large")
        if depth > MAX_DEPTH:
            raise _Unreadable(f"is nested more than {MAX_DEPTH} levels deep", line, "cxpack.too_large")

    def _next_path(self) -> str:
        if not self._stack:
            return ROOT
        top = self._stack[-1]
        return f"{top.node.path}.{top.key}" if top.key is not None else f"{top.node.path}[{len(top.node.value)}]"

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        if top.key is None:
            top.node.value.append(node)
            return
        if top.key == "<<":
            top.merges.append(node)
        elif top.key in top.node.value:
            first = top.node.value[top.key].line
            self._report(
                "cxpack.duplicate_key", f"this key stands in line {first} already; keep one of them", top.key_line, node.path
            )
        else:
            node.line = top.key_line
            top.node.value[top.key] = node
        top.key = None


def _explain(error: Any, text: str) -> str:
    mark = error.problem_mark
    if mark is not None:
        line = text.splitlines()[mark.line : mark.line + 1]
        if line and "\t" in line[0][: len(line[0]) - len(line[0].lstrip())]:
            return "is indented with a tab, which YAML forbids; use spaces"
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return f"is not YAML: {words}"
