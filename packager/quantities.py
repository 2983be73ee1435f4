"""The types of value that carry a unit: durations, Kubernetes quantities, shares of replicas."""

from typing import Any, NamedTuple

from packager import units
from packager.fields import Reader, shown, wrong_type
from packager.tree import Node
from packager.values import WRONG_TYPE, Range, whole


class Duration(NamedTuple):
    """A Go duration, read as seconds; `multiple_s` is the step that it must be a multiple of."""

    range: Range = Range()
    multiple_s: int | None = None
    expected: str = "a duration like 30s, 5m or 1h30m"

    def read(self, node: Node, at: str, reader: Reader) -> float:
        seconds = units.duration_s(node.value) if isinstance(node.value, str) else None
        if seconds is None:
            code = "cxpack.invalid_duration" if isinstance(node.value, str) else WRONG_TYPE
            reader.reject(node, at, code, f"{shown(node)} is no duration; {self.expected} is needed")
            return 0.0
        if fault := self.range.fault(seconds, node.text, " seconds"):
            reader.reject(node, at, *fault)
        elif self.multiple_s is not None and seconds % self.multiple_s:
            reader.reject(node, at, "configreader.is_not_multiple", f"{node.text} is not a multiple of {self.multiple_s}s")
        return seconds

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": whole(r"[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)")}


class Quantity(NamedTuple):
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
            reader.reject(node, at, WRONG_TYPE, wrong_type(node, self.expected) + hint)
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
        pattern = whole(r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+|[numkKMGTPE]|[KMGTPE]i)?")
        text = {"type": "string", "pattern": pattern}
        return (
            {"anyOf": [text, {"type": "number", "minimum": float(units.quantity(self.minimum) or 0)}]} if self.numbers else text
        )


class Replicas(NamedTuple):
    """A number of replicas or a percentage of them."""

    expected: str = "a whole number from 0, or a percentage like 25%"

    def read(self, node: Node, at: str, reader: Reader) -> units.Portion:
        value = units.portion(node.value)
        if value is None:
            code = "spec.invalid_surge_or_unavailable" if isinstance(node.value, str | int) else WRONG_TYPE
            reader.reject(node, at, code, f"{shown(node)} is not valid; {self.expected} is needed")
        return value or units.Portion(0, percent=False)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": whole("100%|[0-9]{1,2}%|0[0-9]{2}%")}]}
