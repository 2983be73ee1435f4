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

from runtime_handler.contract import HIGH_RESOLUTION, METRICS, METRICS_NAMESPACE

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
        named = tuple((metric, tuple(names)) for metric, (names, _) in self._metrics.items())
        before, after = _frame(api, named, tuple(self._dimensions.items()))
        values = "".join(f',"{metric}":{_numbers(values)}' for metric, (_, values) in self._metrics.items())
        return f"{before}{timestamp_ms}{after}{values}}}"


@lru_cache(1024)
def _frame(
    api: str, metrics: tuple[tuple[str, tuple[str, ...]], ...], dimensions: tuple[tuple[str, str], ...]
) -> tuple[str, str]:
    """What a line has before its time, and between that and its values: the same for every line of the same series."""
    directives: dict[tuple[str, ...], list[dict[str, str | int]]] = {}
    for metric, names in metrics:
        definition: dict[str, str | int] = {"Name": metric, "Unit": METRICS[metric]}
        if metric in HIGH_RESOLUTION:
            definition["StorageResolution"] = 1
        directives.setdefault(names, []).append(definition)
    described = [
        {"Namespace": METRICS_NAMESPACE, "Dimensions": [list(names)], "Metrics": listed} for names, listed in directives.items()
    ]
    root = _compact({"APIName": api, **dict(dimensions)})
    return '{"_aws":{"Timestamp":', f',"CloudWatchMetrics":{_compact(described)}}},{root[1:-1]}'


def _numbers(values: Sequence[float]) -> str:
    texts = [str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value) for value in values]
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
