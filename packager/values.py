"""The plain types of value that a key can have, each with its reader, its range and its JSON Schema."""

import re
from typing import Any, NamedTuple

from packager.fields import Reader, shown, suggestion, wrong_type
from packager.tree import Node

WRONG_TYPE = "configreader.invalid_primitive_type"


class Pattern(NamedTuple):
    """A regular expression that a whole text has to match, the code of Cortex's error, and what it allows in words."""

    regex: str
    code: str
    allows: str


def whole(regex: str) -> str:
    """The regular expression for a JSON Schema that matches a whole text (in Python a `$` alone passes a line end over)."""
    return rf"^(?:{regex})$(?!\n)"


class Text(NamedTuple):
    """A text that is not empty. Patterns are tried in order; the first that fails is reported."""

    what: str = "a text"
    patterns: tuple[Pattern, ...] = ()
    max_length: int | None = None
    disallowed: tuple[str, ...] = ()
    disallowed_code: str = "configreader.disallowed_value"
    disallowed_why: str = "is reserved; pick another value"

    @property
    def expected(self) -> str:
        return self.what

    def read(self, node: Node, at: str, reader: Reader) -> str:
        value = node.value
        if not isinstance(value, str):
            hint = f'; write "{node.text}" in quotes' if isinstance(value, int | float) else ""
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected) + hint)
            return ""
        if not value:
            reader.reject(node, at, "configreader.cannot_be_empty", f"is empty; {self.expected} is needed")
        elif value in self.disallowed:
            reader.reject(node, at, self.disallowed_code, f'"{value}" {self.disallowed_why}')
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
        conditions: list[dict[str, Any]] = [{"pattern": whole(pattern.regex)} for pattern in self.patterns]
        conditions.append({"not": {"pattern": r"\u0000"}})
        if self.disallowed:
            conditions.append({"not": {"enum": list(self.disallowed)}})
        return schema | ({"allOf": conditions} if conditions else {})


class Choice(NamedTuple):
    """One of a few words, told apart by case. `versions`: they look like numbers, and count as written without quotes."""

    values: tuple[str, ...]
    versions: bool = False

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.values)}"

    def read(self, node: Node, at: str, reader: Reader) -> str:
        # `text`, because YAML takes an unquoted 3.10 for 3.1
        word = node.text if self.versions and isinstance(node.value, int | float) else node.value
        if not isinstance(word, str):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
            return ""
        if word not in self.values:
            meant = suggestion(word, list(self.values), {}) if word else ""
            hint = meant if "did you mean" in meant else ""
            reader.reject(node, at, "configreader.invalid_str", f"{shown(node)} is not valid; {self.expected} is needed{hint}")
        return word

    def schema(self) -> dict[str, Any]:
        unquoted = [float(value) for value in self.values if self.versions and str(float(value)) == value]
        return {"enum": [*self.values, *unquoted]}


class Boolean(NamedTuple):
    """true or false."""

    expected: str = "true or false"

    def read(self, node: Node, at: str, reader: Reader) -> bool:
        if not isinstance(node.value, bool):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
        return bool(node.value)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Range(NamedTuple):
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


class Integer(NamedTuple):
    """A whole number, written as one: `1.0` and `"1"` are none."""

    range: Range = Range()
    expected: str = "a whole number"

    def read(self, node: Node, at: str, reader: Reader) -> int:
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
            return 0
        if fault := self.range.fault(node.value, node.text):
            reader.reject(node, at, *fault)
        return node.value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer"} | self.range.schema()


class Number(NamedTuple):
    """A number; whole ones count."""

    range: Range = Range()
    expected: str = "a number"

    def read(self, node: Node, at: str, reader: Reader) -> float:
        value = node.value
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value or abs(value) == float("inf"):
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected))
            return 0.0
        if fault := self.range.fault(value, node.text):
            reader.reject(node, at, *fault)
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number"} | self.range.schema()
