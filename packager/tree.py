"""YAML's events made into a tree of nodes with lines and paths, aliases and merges written out, within limits."""

from collections.abc import Callable
from typing import Any

from packager.scalar import Scalar, Unresolvable, resolve

MAX_NODES = 30_000
MAX_DEPTH = 64

ROOT = "apis"
"""What the list of the whole file is called in paths."""

Report = Callable[..., None]
"""(code, message, line, path): takes note of something that does not keep the rest from being read."""


class Unreadable(Exception):
    """The document cannot be read any further: a sentence, the line, a code."""

    def __init__(self, message: str, line: int | None = None, code: str = "configreader.invalid_yaml") -> None:
        super().__init__(message)
        self.code, self.message, self.line = code, message, line


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


class _Open:
    """A list or map whose end has not been read."""

    __slots__ = ("anchor", "key", "key_line", "merges", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | None = None
        self.key_line = 0
        self.merges: list[Node] = []

    @property
    def wants_key(self) -> bool:
        return isinstance(self.node.value, dict) and self.key is None


class TreeBuilder:
    """Turns the events of one document into nodes; holds the anchors and the count of nodes meanwhile.

    `number` gives the line number, from 1, of a line as YAML counts them, from 0.
    """

    def __init__(self, report: Report, number: Callable[[int], int]) -> None:
        self._report = report
        self._number = number
        self._anchors: dict[str, Node | None] = {}
        self._stack: list[_Open] = []
        self._count = 0
        self.root: Node | None = None

    def take(self, event: Any) -> None:
        """Add what one of PyYAML's events says. Raises Unreadable where the document cannot be gone on with."""
        line = self._number(event.start_mark.line)
        match type(event).__name__:
            case "ScalarEvent":
                self._scalar(event, line)
            case "AliasEvent":
                self._alias(event.anchor, line)
            case "MappingStartEvent" | "SequenceStartEvent" as name:
                self._open({} if name == "MappingStartEvent" else [], event, line)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._close()
            case "DocumentStartEvent" if self.root is not None:
                raise Unreadable("holds a second YAML document; keep one list of APIs in a file", line)

    def _scalar(self, event: Any, line: int) -> None:
        if self._stack and self._stack[-1].wants_key:
            self._key(event, line)
            return
        node = self._node(_resolved(event, line), line, event.value)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._attach(node)

    def _key(self, event: Any, line: int) -> None:
        top = self._stack[-1]
        if not isinstance(_resolved(event, line), str):
            path = f"{top.node.path}.{event.value}"
            self._report("configreader.non_string_key_found", f'keys are texts; write "{event.value}" in quotes', line, path)
        top.key, top.key_line = event.value, line

    def _alias(self, anchor: str, line: int) -> None:
        if self._stack and self._stack[-1].wants_key:
            raise Unreadable(f"the alias *{anchor} stands for a key; write the key itself", line)
        if anchor not in self._anchors:
            raise Unreadable(f"the alias *{anchor} has no anchor &{anchor} before it", line)
        target = self._anchors[anchor]
        if target is None:
            raise Unreadable(f"the alias *{anchor} stands inside its own anchor, so it would never end", line)
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
            raise Unreadable("keys are texts, not lists or maps", line, "configreader.non_string_key_found")
        if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise Unreadable(f"the tag {event.tag} has no meaning here; remove it", line)
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
                raise Unreadable("<< merges maps only", merged.line)
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
            raise Unreadable(f"holds more than {MAX_NODES:,} values once aliases are written out", line, "cxpack.too_large")
        if depth > MAX_DEPTH:
            raise Unreadable(f"is nested more than {MAX_DEPTH} levels deep", line, "cxpack.too_large")

    def _next_path(self) -> str:
        if not self._stack:
            return ROOT
        top = self._stack[-1]
        return f"{top.node.path}.{top.key}" if top.key is not None else f"{top.node.path}[{len(top.node.value)}]"

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.root = node
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


def _resolved(event: Any, line: int) -> Scalar:
    try:
        return resolve(event.value, event.tag, plain=event.implicit[0])
    except Unresolvable as error:
        raise Unreadable(str(error), line) from None
