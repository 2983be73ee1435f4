"""CloudWatch's Embedded Metric Format: metric values to log lines. Pure; standard library only.

The rules that every line keeps (AWS's page "Specification: Embedded metric format"): one JSON object a line; metric and
dimension values are members of its root; at most 100 values a metric; dimension values are strings of 1 to 1,024 ASCII
characters (API reference, "Dimension"); no NaN, no infinities, nothing beyond 2^360. A value that breaks one is left out: a
line that CloudWatch refuses would take its neighbours with it.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from runtime_handler.contract import HIGH_RESOLUTION, METRICS, METRICS_NAMESPACE

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its dimensions beside APIName, sorted by name."""

MOST_VALUES = 100
LARGEST = 2.0**360
LONGEST_DIMENSION = 1024
MOST_FRAMES = 32
"""Sets of series whose lines are remembered: one of a hundred classes takes 100 kB, and each flush may have others of them."""
LONGEST_LINE = 4095
"""Bytes, without the newline, that a pipe takes in one piece, whoever else writes to it (PIPE_BUF, pipe(7))."""


def emf_lines(api: str, values: Mapping[Series, Sequence[float]], timestamp_ms: int) -> list[str]:
    """The lines that carry all `values`, without newlines: the first hundred of each series in as few as the format allows,
    then the second.
    """
    numbers = {series: _numbers(given) for series, given in values.items()}
    lines: list[str] = []
    start = 0
    while more := _lines(api, numbers, timestamp_ms, start, start + MOST_VALUES):
        lines += more
        start += MOST_VALUES
    return lines


def _lines(api: str, numbers: Mapping[Series, Sequence[str]], timestamp_ms: int, start: int, end: int) -> list[str]:
    """Those of the values from `start` to `end` of each series, each of as few values as a write takes whole."""
    present = tuple([series for series, texts in numbers.items() if len(texts) > start])
    lines = []
    for before, after, members in _frames(api, present):
        written = [name + _value(numbers[series][start:end]) for series, name in members]
        lines.append(f"{before}{timestamp_ms}{after}{''.join(written)}}}")
        if len(lines[-1]) > LONGEST_LINE and end - start > 1:
            middle = (start + end) // 2
            return _lines(api, numbers, timestamp_ms, start, middle) + _lines(api, numbers, timestamp_ms, middle, end)
    return lines


def dimension_value(text: str) -> str:
    """`text` as CloudWatch accepts a dimension's value: printable ASCII, not empty, of at most 1,024 characters."""
    printable = "".join(character if character.isprintable() else "?" for character in text[:LONGEST_DIMENSION])
    return printable.encode("ascii", "backslashreplace").decode()[:LONGEST_DIMENSION].strip() or "(empty)"


@lru_cache(MOST_FRAMES)
def _frames(api: str, present: tuple[Series, ...]) -> list[tuple[str, str, list[tuple[Series, str]]]]:
    """The lines of some series: each has every metric once, and every dimension with one value.

    Of each line what it has before its time, what between that and its values, and its series, each with what comes before
    its value. An API repeats the same series with every flush, so that this is thought about once.
    """
    lines: list[tuple[list[Series], dict[str, str]]] = []
    for series in present:
        metric, dimensions = series
        for line, values in lines:
            if all(metric != name for name, _ in line) and all(values.get(name, value) == value for name, value in dimensions):
                break
        else:
            lines.append((line := [], values := {}))
        line.append(series)
        values.update(dimensions)
    return [(*_frame(api, line, values), [(series, f',"{series[0]}":') for series in line]) for line, values in lines]


def _frame(api: str, line: Sequence[Series], dimensions: Mapping[str, str]) -> tuple[str, str]:
    directives: dict[tuple[str, ...], list[dict[str, str | int]]] = {}
    for metric, of in line:
        definition: dict[str, str | int] = {"Name": metric, "Unit": METRICS[metric]}
        if metric in HIGH_RESOLUTION:
            definition["StorageResolution"] = 1
        directives.setdefault(("APIName", *(name for name, _ in of)), []).append(definition)
    described = [
        {"Namespace": METRICS_NAMESPACE, "Dimensions": [list(names)], "Metrics": listed} for names, listed in directives.items()
    ]
    root = _compact({"APIName": api, **dimensions})
    return '{"_aws":{"Timestamp":', f',"CloudWatchMetrics":{_compact(described)}}},{root[1:-1]}'


def _numbers(values: Sequence[float]) -> list[str]:
    usable = [value for value in map(float, values) if -LARGEST <= value <= LARGEST]  # no comparison holds for NaN
    return [str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value) for value in usable]


def _value(numbers: Sequence[str]) -> str:
    return numbers[0] if len(numbers) == 1 else f"[{','.join(numbers)}]"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
