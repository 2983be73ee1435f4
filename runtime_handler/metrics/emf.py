"""CloudWatch's Embedded Metric Format: metric values to log lines. Pure; standard library only.

The rules that every line keeps (AWS's page "Specification: Embedded metric format"): one JSON object a line; metric and
dimension values are members of its root; at most 100 values a metric; dimension values are strings of 1 to 1,024
characters; no NaN, no infinities, nothing beyond 2^360. A value that breaks one is left out: a line that CloudWatch
refuses would take its neighbours with it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from runtime_handler.contract import METRICS, METRICS_NAMESPACE

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its dimensions beside APIName, sorted by name."""

MOST_VALUES = 100
LARGEST = 2.0**360
LONGEST_DIMENSION = 1024


def emf_lines(api: str, values: Mapping[Series, Sequence[float]], timestamp_ms: int) -> list[str]:
    """The lines that carry all `values`, as few as the format allows, without newlines."""
    lines: list[_Line] = []
    for (metric, dimensions), series in values.items():
        usable = [value for value in map(float, series) if math.isfinite(value) and abs(value) <= LARGEST]
        for start in range(0, len(usable), MOST_VALUES):
            line = next((line for line in lines if line.has_room_for(metric, dimensions)), None)
            if line is None:
                lines.append(line := _Line())
            line.add(metric, dimensions, usable[start : start + MOST_VALUES])
    return [line.dump(api, timestamp_ms) for line in lines]


@lru_cache(1024)
def dimension_value(text: str) -> str:
    """`text` as CloudWatch accepts a dimension's value: printable, not empty, of at most 1,024 characters."""
    printable = "".join(character if character.isprintable() and ord(character) < 0x10000 else "?" for character in text)
    return printable[:LONGEST_DIMENSION].strip() or "(empty)"


class _Line:
    """A line being filled: every metric once, every dimension with one value."""

    def __init__(self) -> None:
        self._metrics: dict[str, tuple[list[str], list[float]]] = {}
        self._dimensions: dict[str, str] = {}

    def has_room_for(self, metric: str, dimensions: tuple[tuple[str, str], ...]) -> bool:
        return metric not in self._metrics and all(self._dimensions.get(name, value) == value for name, value in dimensions)

    def add(self, metric: str, dimensions: tuple[tuple[str, str], ...], values: list[float]) -> None:
        self._metrics[metric] = (["APIName", *(name for name, _ in dimensions)], values)
        self._dimensions.update(dimensions)

    def dump(self, api: str, timestamp_ms: int) -> str:
        directives: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for metric, (names, _) in self._metrics.items():
            directives.setdefault(tuple(names), []).append({"Name": metric, "Unit": METRICS[metric]})
        root: dict[str, Any] = {
            "_aws": {
                "Timestamp": timestamp_ms,
                "CloudWatchMetrics": [
                    {"Namespace": METRICS_NAMESPACE, "Dimensions": [list(names)], "Metrics": metrics}
                    for names, metrics in directives.items()
                ],
            },
            "APIName": api,
            **self._dimensions,
        }
        for metric, (_, values) in self._metrics.items():
            numbers = [int(value) if value.is_integer() and abs(value) < 2**53 else value for value in values]
            root[metric] = numbers[0] if len(numbers) == 1 else numbers
        return json.dumps(root, separators=(",", ":"))
