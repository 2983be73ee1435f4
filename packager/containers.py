"""The types of value that hold others: maps with names of the user's own, lists, a word or a map."""

import re
from typing import Any, NamedTuple

from packager.fields import Place, Reader, ValueType, wrong_type
from packager.tree import Node
from packager.values import WRONG_TYPE, Choice, Pattern, whole


class FreeMap(NamedTuple):
    """The user's own map, any values within."""

    expected: str = "a map"

    def read(self, node: Node, at: str, reader: Reader) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
            return {}
        plain: dict[str, Any] = node.plain()
        return plain

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


class MapOf(NamedTuple):
    """A map from the user's own names to values of one type; names that match no `keys` pattern are reported."""

    item: ValueType
    keys: Pattern

    @property
    def expected(self) -> str:
        return f"a map of names to values, each {self.item.expected}"

    def read(self, node: Node, at: str, reader: Reader) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
            return {}
        values = {}
        for key, child in node.value.items():
            if re.fullmatch(self.keys.regex, key) is None:
                reader.reject(child, at, self.keys.code, f'the name "{key}" is not valid; {self.keys.allows}')
            path = f"{at}.{key}"
            reader.places[path] = Place(child.line, child.path)
            values[key] = self.item.read(child, path, reader)
            if path in reader.bad:
                reader.bad.add(at)
        return values

    def schema(self) -> dict[str, Any]:
        names = {"pattern": whole(self.keys.regex)}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.item.schema()}


class ListOf(NamedTuple):
    """A list whose items are of one type; `required` forbids an empty one."""

    item: ValueType
    least: int = 0

    @property
    def expected(self) -> str:
        return f"a list, each item {self.item.expected}"

    def read(self, node: Node, at: str, reader: Reader) -> list[Any]:
        if not isinstance(node.value, list):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
            return []
        if len(node.value) < self.least:
            reader.reject(node, at, "configreader.cannot_be_empty", f"is empty; {self.expected} is needed")
        items = []
        for number, child in enumerate(node.value):
            path = f"{at}[{number}]"
            reader.places[path] = Place(child.line, child.path)
            items.append(self.item.read(child, path, reader))
            if path in reader.bad:
                reader.bad.add(at)
        return items

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()} | ({"minItems": self.least} if self.least else {})


class Either(NamedTuple):
    """A word for the common case, or a map for the rest; the word is read as the map that has it as its `key`."""

    word: Choice
    section: ValueType
    key: str

    @property
    def expected(self) -> str:
        return f"{self.word.expected}, or {self.section.expected}"

    def read(self, node: Node, at: str, reader: Reader) -> Any:
        if not isinstance(node.value, str):
            return self.section.read(node, at, reader)
        inner = Node({self.key: Node(node.value, node.line, node.path, node.text)}, node.line, node.path)
        return self.section.read(inner, at, reader)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.word.schema(), self.section.schema()]}
