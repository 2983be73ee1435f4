"""Tables of keys: which a map may have, how each value is read, what absence means.

Reading collects every problem. Where a value is missing or wrong, its default or a placeholder takes its place and its
path is remembered in `Reader.bad`, so that the rest can still be checked; nothing built on it is used.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from packager.problem import Problem, Severity
from packager.tree import Node

MOST_UNKNOWN = 20
"""Unknown keys of one map that are reported one by one."""


class Place(NamedTuple):
    """Where a key stands: its line, and its path in the user's spelling."""

    line: int
    path: str


class Reader:
    """What has been read of one API: problems, the place of every key, and the paths that hold no usable value.

    Paths in `places` and `bad` are canonical and relative to the API (`predictor.models.cache_size`). `homes` says of keys
    of the language where they belong, for those found elsewhere.
    """

    __slots__ = ("bad", "file", "homes", "places", "problems")

    def __init__(self, *, file: str, homes: Mapping[str, str] = MappingProxyType({})) -> None:
        self.file = file
        self.homes = homes
        self.problems: list[Problem] = []
        self.places: dict[str, Place] = {}
        self.bad: set[str] = set()

    def report(self, place: Node | Place, code: str, message: str, *, severity: Severity = "error") -> None:
        """Record a problem at a node or place."""
        self.problems.append(
            Problem(severity=severity, code=code, file=self.file, line=place.line, path=place.path, message=message)
        )

    def reject(self, node: Node, at: str, code: str, message: str) -> None:
        """Record an error in the value at the canonical path `at`, which is then not to be relied on."""
        self.bad.add(at)
        self.report(node, code, message)


class ValueType(Protocol):
    """How a value is read and described. `read` returns the value, or calls `reader.reject` and returns anything."""

    @property
    def expected(self) -> str:
        """What is needed, for messages."""

    def read(self, node: Node, at: str, reader: Reader) -> Any:
        """The value of the node at the canonical path `at`."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of what `read` accepts."""


class Field(NamedTuple):
    """One key of a map. `default` is its value when the key is absent (and when it is null, if `nullable`).

    `placeholder` stands in for a missing or wrong value of a required key. `predictor_types` are those that the key is
    for, empty for all of them. `alias` is a second spelling, as good as the first, that `dialect` replaces by it.
    """

    key: str
    type: ValueType
    doc: str
    required: bool = False
    default: Any = None
    nullable: bool = False
    placeholder: Any = None
    predictor_types: tuple[str, ...] = ()
    alias: str | None = None


class Section(NamedTuple):
    """A map with known keys, read as a dict with a value for each of them."""

    fields: tuple[Field, ...]

    @property
    def expected(self) -> str:
        """What is needed, for messages."""
        required = [each.key for each in self.fields if each.required]
        return f"a map with {' and '.join(required)}" if required else f"a map with keys like {self.fields[0].key}"

    def defaults(self) -> dict[str, Any]:
        """The values of an empty map, required keys aside."""
        return {each.key: each.placeholder if each.required else default_of(each) for each in self.fields}

    def read(self, node: Node, at: str, reader: Reader) -> dict[str, Any]:
        """The values by key; unknown and missing keys are reported."""
        if not isinstance(node.value, dict):
            reader.reject(node, at, "configreader.invalid_primitive_type", wrong_type(node, self.expected))
            return self.defaults()
        values = {each.key: self._value(each, node, at, reader) for each in self.fields}
        known = [each.key for each in self.fields]
        unknown = ((key, child) for key, child in node.value.items() if key not in known)
        for number, (key, child) in enumerate(unknown):
            if number == MOST_UNKNOWN:
                reader.report(child, "configreader.unsupported_key", "unknown key, and so are others after it")
                break
            reader.report(child, "configreader.unsupported_key", f"unknown key{suggestion(key, known, reader.homes)}")
        return values

    def _value(self, each: Field, node: Node, at: str, reader: Reader) -> Any:
        path = f"{at}.{each.key}" if at else each.key
        child: Node | None = node.value.get(each.key)
        if child is None:
            if each.required:
                reader.bad.add(path)
                reader.report(node, "configreader.must_be_defined", f'"{each.key}" is missing; {each.type.expected} is needed')
                return each.placeholder
            return default_of(each)
        reader.places[path] = Place(child.line, child.path)
        if child.value is None:
            if each.nullable:
                return default_of(each)
            remedy = (
                f"{each.type.expected} is needed" if each.required else "give it a value, or remove the key to get the default"
            )
            reader.reject(child, path, "configreader.cannot_be_null", f"has no value; {remedy}")
        value = None if child.value is None else each.type.read(child, path, reader)
        if path in reader.bad:
            return each.placeholder if each.required else default_of(each)
        return value

    def schema(self) -> dict[str, Any]:
        """An object with these properties and no others."""
        properties = {key: property_schema(each) for each in self.fields for key in (each.key, each.alias) if key is not None}
        required = [each.key for each in self.fields if each.required and each.alias is None]
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        for each in self.fields:
            if each.required and each.alias is not None:
                schema["oneOf"] = [{"required": [each.key]}, {"required": [each.alias]}]
        return schema


def default_of(each: Field) -> Any:
    """The value that absence of the key means; a section's is that of an empty map where `default` is that section."""
    return each.default.defaults() if isinstance(each.default, Section) else each.default


def property_schema(each: Field) -> dict[str, Any]:
    """The JSON Schema of one key, with its description and default."""
    schema = each.type.schema()
    if each.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    shown = {} if each.default is None or isinstance(each.default, Section) else {"default": each.default}
    return (
        {"description": each.doc} | schema | {key: value for key, value in shown.items() if isinstance(value, str | int | float)}
    )


def suggestion(key: str, known: list[str], homes: Mapping[str, str]) -> str:
    """What to do about an unknown key, as the end of a sentence."""
    if key in homes:
        return f"; {homes[key]}"
    # comparing takes time that grows with the key, and no misspelt key is that long
    close = get_close_matches(key, known, n=1, cutoff=0.6) if len(key) <= 40 else []
    return f'; did you mean "{close[0]}"?' if close else f"; known here: {', '.join(known)}"


def wrong_type(node: Node, expected: str) -> str:
    """The sentence for a value of the wrong type."""
    return f"{shown(node)} stands here; {expected} is needed"


def shown(node: Node) -> str:
    """The value as the user wrote it, with its type where that explains the problem; long ones are cut."""
    match node.value:
        case None:
            return "nothing"
        case dict():
            return "a map"
        case list():
            return "a list"
        case str():
            return f'the text "{_cut(node.value)}"'
        case bool():
            return f"the boolean {_cut(node.text)}"
        case _:
            return f"the number {_cut(node.text)}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
