"""The types of value that a key of cortex.yaml can have, each with its reader, its range and its JSON Schema."""

import re
from dataclasses import dataclass, field
from typing import Any

from packager import units
from packager.document import Node
from packager.fields import Place, Reader, ValueType, shown, suggestion, wrong_type

_WRONG_TYPE = "configreader.invalid_primitive_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A regular expression that a whole text has to match, the code of Cortex's error, and what it allows in words."""

    regex: str
    code: str
    allows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text that is not empty. Patterns are tried in order; the first that fails is reported."""

    what: str = "a text"
    patterns: tuple[Pattern, ...] = ()
    max_length: int | None = None
    disallowed: tuple[str, ...] = ()
    disallowed_code: str = "configreader.disallowed_value"

    @property
    def expected(self) -> str:
        return self.what

    def read(self, node: Node, at: str, reader: Reader) -> str:
        value = node.value
        if not isinstance(value, str):
            hint = f'; write "{node.text}" in quotes' if isinstance(value, int | float) else ""
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected) + hint)
            return ""
        if not value:
            reader.reject(node, at, "configreader.cannot_be_empty", f"is empty; {self.expected} is needed")
        elif value in self.disallowed:
            reader.reject(node, at, self.disallowed_code, f'"{value}" is reserved; pick another value')
        elif self.max_length is not None and len(value) > self.max_length:
            reader.reject(node, at, "configreader.too_long", f"has {len(value)} characters; {self.max_length} are the most")
        elif "\0" in value:
            reader.reject(node, at, "cxpack.null_character", "holds a null character; remove it")
        else:
            for pattern in self.patterns:
                if re.fullmatch(pattern.regex, value, re.ASCII) is None:
                    reader.reject(node, at, pattern.code, f"{shown(node)} is not valid; {pattern.allows}")
                    break
        return value

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if self.max_length is not None:
            schema["maxLength"] = self.max_length
        conditions: list[dict[str, Any]] = [{"pattern": f"^(?:{pattern.regex})$"} for pattern in self.patterns]
        if self.disallowed:
            conditions.append({"not": {"enum": list(self.disallowed)}})
        return schema | ({"allOf": conditions} if conditions else {})


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, told apart by case."""

    values: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.values)}" if len(self.values) > 1 else self.values[0]

    def read(self, node: Node, at: str, reader: Reader) -> str:
        # `text`, because an unquoted 3.10 is a number to YAML
        word = node.text if isinstance(node.value, int | float) and not isinstance(node.value, bool) else node.value
        if not isinstance(word, str):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
            return ""
        if word not in self.values:
            meant = suggestion(word, list(self.values), {}) if word else ""
            hint = meant if "did you mean" in meant else ""
            reader.reject(node, at, "configreader.invalid_str", f"{shown(node)} is not valid; {self.expected} is needed{hint}")
        return word

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    expected: str = "true or false"

    def read(self, node: Node, at: str, reader: Reader) -> bool:
        if not isinstance(node.value, bool):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
        return bool(node.value)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Bounds of a number: `minimum` and `maximum` belong to the range, `above` and `below` do not."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def fault(self, value: float, given: str, unit: str = "") -> tuple[str, str] | None:
        """The code and message for a value out of range."""
        for bound, bad, code, words in (
            (self.minimum, self.minimum is not None and value < self.minimum, "greater_than_or_equal_to", "at least"),
            (self.above, self.above is not None and value <= self.above, "greater_than", "more than"),
            (self.maximum, self.maximum is not None and value > self.maximum, "less_than_or_equal_to", "at most"),
            (self.below, self.below is not None and value >= self.below, "less_than", "less than"),
        ):
            if bad and bound is not None:
                return f"configreader.must_be_{code}", f"{given} is out of range; it must be {words} {bound:g}{unit}"
        return None

    def schema(self) -> dict[str, Any]:
        bounds = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        return {key: bound for key, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number, written as one: `1.0` and `"1"` are none."""

    range: Range = field(default_factory=Range)
    expected: str = "a whole number"

    def read(self, node: Node, at: str, reader: Reader) -> int:
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
            return 0
        if fault := self.range.fault(node.value, node.text):
            reader.reject(node, at, *fault)
        return node.value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer"} | self.range.schema()


@dataclass(frozen=True, slots=True)
class Number:
    """A number; whole ones count."""

    range: Range = field(default_factory=Range)
    expected: str = "a number"

    def read(self, node: Node, at: str, reader: Reader) -> float:
        value = node.value
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value or abs(value) == float("inf"):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
            return 0.0
        if fault := self.range.fault(value, node.text):
            reader.reject(node, at, *fault)
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number"} | self.range.schema()


@dataclass(frozen=True, slots=True)
class Duration:
    """A Go duration, read as seconds; `multiple_s` is the step that it must be a multiple of."""

    range: Range = field(default_factory=Range)
    multiple_s: int | None = None
    expected: str = "a duration like 30s, 5m or 1h30m"

    def read(self, node: Node, at: str, reader: Reader) -> float:
        seconds = units.duration_s(node.value) if isinstance(node.value, str) else None
        if seconds is None:
            code = "cxpack.invalid_duration" if isinstance(node.value, str) else _WRONG_TYPE
            reader.reject(node, at, code, f"{shown(node)} is no duration; {self.expected} is needed")
            return 0.0
        if fault := self.range.fault(seconds, node.text, " seconds"):
            reader.reject(node, at, *fault)
        elif self.multiple_s is not None and seconds % self.multiple_s:
            reader.reject(node, at, "configreader.is_not_multiple", f"{node.text} is not a multiple of {self.multiple_s}s")
        return seconds

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A Kubernetes quantity. Texts always, numbers only where Cortex took them (`cpu: 0.2`, yet not `mem: 100`)."""

    example: str
    minimum: str
    numbers: bool = False

    @property
    def expected(self) -> str:
        return f"a quantity like {self.example}"

    def read(self, node: Node, at: str, reader: Reader) -> float:
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        written_out = number and "e" in node.text.lower() and not node.text.startswith("0x")
        if not isinstance(node.value, str) and not (self.numbers and number) and not written_out:
            hint = f'; write "{node.text}" in quotes, or with a unit' if number else ""
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected) + hint)
            return 0.0
        value = units.quantity(node.text.replace("_", "") if number else node.value)
        if value is None:
            message = f"{shown(node)} is no quantity; write a number with a unit (m, k, M, G, Ki, Mi, Gi), like {self.example}"
            reader.reject(node, at, "k8s.parse_quantity", message)
            return 0.0
        least = units.quantity(self.minimum)
        if least is not None and value < least:
            code = "configreader.must_be_greater_than_or_equal_to"
            reader.reject(node, at, code, f"{node.text} is too little; it must be at least {self.minimum}")
        return float(value)

    def schema(self) -> dict[str, Any]:
        pattern = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+|[numkKMGTPE]|[KMGTPE]i)?$"
        text = {"type": "string", "pattern": pattern}
        return (
            {"anyOf": [text, {"type": "number", "minimum": float(units.quantity(self.minimum) or 0)}]} if self.numbers else text
        )


@dataclass(frozen=True, slots=True)
class Replicas:
    """A number of replicas or a percentage of them."""

    expected: str = "a whole number from 0, or a percentage like 25%"

    def read(self, node: Node, at: str, reader: Reader) -> units.Portion:
        value = units.portion(node.value)
        if value is None:
            code = "spec.invalid_surge_or_unavailable" if isinstance(node.value, str | int) else _WRONG_TYPE
            reader.reject(node, at, code, f"{shown(node)} is not valid; {self.expected} is needed")
        return value or units.Portion(0, percent=False)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^0*(100|[0-9]?[0-9])%$"}]}


@dataclass(frozen=True, slots=True)
class FreeMap:
    """The user's own map, any values within."""

    expected: str = "a map"

    def read(self, node: Node, at: str, reader: Reader) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
            return {}
        plain: dict[str, Any] = node.plain()
        return plain

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from the user's own names to values of one type; names that match no `keys` pattern are reported."""

    item: ValueType
    keys: Pattern

    @property
    def expected(self) -> str:
        return f"a map of names to values, each {self.item.expected}"

    def read(self, node: Node, at: str, reader: Reader) -> dict[str, Any]:
        if not isinstance(node.value, dict):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
            return {}
        values = {}
        for key, child in node.value.items():
            if re.fullmatch(self.keys.regex, key) is None:
                reader.reject(child, at, self.keys.code, f'the name "{key}" is not valid; {self.keys.allows}')
            path = f"{at}.{key}"
            values[key] = self.item.read(child, path, reader)
            if path in reader.bad:
                reader.bad.add(at)
        return values

    def schema(self) -> dict[str, Any]:
        names = {"pattern": f"^(?:{self.keys.regex})$"}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.item.schema()}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items are of one type; `required` forbids an empty one."""

    item: ValueType
    least: int = 0

    @property
    def expected(self) -> str:
        return f"a list, each item {self.item.expected}"

    def read(self, node: Node, at: str, reader: Reader) -> list[Any]:
        if not isinstance(node.value, list):
            reader.reject(node, at, _WRONG_TYPE, wrong_type(node, self.expected))
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


@dataclass(frozen=True, slots=True)
class Either:
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
