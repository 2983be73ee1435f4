"""Metric lines, against the rules of AWS's specification of the embedded metric format."""

import json
import math
import tracemalloc
from collections import Counter
from itertools import combinations, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.contract import METRICS
from runtime_handler.metrics.emf import Series, emf_lines
from runtime_handler.metrics.emf_recorder import MOST_CLASSES, MOST_WAITING, OTHER_CLASS, EmfRecorder

DIMENSIONS = st.dictionaries(st.sampled_from(["Code", "Class"]), st.text(max_size=2000), max_size=1)
VALUES = st.floats() | st.integers(min_value=-(2**70), max_value=2**70)
RECORDS = st.lists(st.tuples(st.sampled_from(sorted(METRICS)), VALUES, DIMENSIONS), max_size=300)


def recorded(records: list[tuple[str, float, dict[str, str]]], api: str = "iris") -> list[dict[str, object]]:
    """The parsed lines that a recorder writes for these records."""
    written: list[str] = []
    recorder = EmfRecorder(api, written.append, clock=lambda: 1700000000.5)
    for metric, value, dimensions in records:
        recorder.record(metric, value, **dimensions)
    recorder.flush()
    return [json.loads(line) for lines in written for line in lines.splitlines()]


def assert_valid(line: dict[str, object]) -> None:
    """Every rule that CloudWatch checks."""
    header = line["_aws"]
    assert isinstance(header, dict)
    assert header["Timestamp"] == 1700000000500
    metrics: list[str] = []
    for directive in header["CloudWatchMetrics"]:
        assert directive["Namespace"] == "cxpack"
        [dimensions] = directive["Dimensions"]
        for name in dimensions:
            value = line[name]
            assert isinstance(value, str)
            assert 1 <= len(value) <= 1024
            assert value.isprintable()
            assert value.isascii()
        metrics += [metric["Name"] for metric in directive["Metrics"]]
    assert len(metrics) == len(set(metrics)) <= 100
    for name in metrics:
        values = line[name] if isinstance(line[name], list) else [line[name]]
        assert 1 <= len(values) <= 100
        assert all(math.isfinite(value) and abs(value) <= 2.0**360 for value in values)


@given(RECORDS)
def test_a_line_is_one_write_of_a_pipe(records: list[tuple[str, float, dict[str, str]]]) -> None:
    """Whatever else is written into it; only what names its metrics and one value of each may be longer."""
    written: list[str] = []
    recorder = EmfRecorder("iris", written.append)
    for metric, value, dimensions in records:
        recorder.record(metric, value, **dimensions)
    recorder.flush()
    for line in (line for lines in written for line in lines.splitlines(keepends=True)):
        values = [value for name, value in json.loads(line).items() if name in METRICS]
        assert len(line.encode()) <= 4096 or all(not isinstance(value, list) for value in values)


def test_classes_that_are_no_ascii_stay_apart() -> None:
    """CloudWatch takes ASCII alone."""
    lines = recorded([("Prediction", 1, {"Class": name}) for name in ("caf\u00e9", "caf\u00e8", "\u65e5\u672c", "\U0001f600")])
    assert sorted(str(line["Class"]) for line in lines) == [
        "\\U0001f600",
        "\\u65e5\\u672c",
        "caf\\xe8",
        "caf\\xe9",
    ]


@given(records=RECORDS, api=st.text(max_size=1100))
def test_every_line_is_valid_and_no_value_is_lost(records: list[tuple[str, float, dict[str, str]]], api: str) -> None:
    """Whatever is recorded, CloudWatch takes every line, and each value that it could take is in exactly one."""
    lines = recorded(records, api)
    for line in lines:
        assert_valid(line)
    found = Counter(
        (metric["Name"], float(value))
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
        for metric in directive["Metrics"]
        for value in (line[metric["Name"]] if isinstance(line[metric["Name"]], list) else [line[metric["Name"]]])  # type: ignore[union-attr]
    )
    usable = Counter(
        (metric, float(value)) for metric, value, _ in records if math.isfinite(value) and abs(float(value)) <= 2.0**360
    )
    assert found == usable


def test_one_request_is_one_line() -> None:
    """Status, latency and class of a Lambda invocation share a line, each with its own dimensions."""
    [line] = recorded([("StatusCode", 1, {"Code": "2XX"}), ("Latency", 12.5, {}), ("Prediction", 1, {"Class": "setosa"})])
    directives = {
        directive["Metrics"][0]["Name"]: directive["Dimensions"][0]
        for directive in line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    }
    assert directives == {"StatusCode": ["APIName", "Code"], "Latency": ["APIName"], "Prediction": ["APIName", "Class"]}
    assert (line["StatusCode"], line["Latency"], line["Prediction"]) == (1, 12.5, 1)
    assert (line["APIName"], line["Code"], line["Class"]) == ("iris", "2XX", "setosa")


def test_values_of_one_series_go_a_hundred_a_line() -> None:
    """1,000 latencies are ten lines of raw numbers."""
    lines = recorded([("Latency", float(number), {}) for number in range(1000)])
    assert [len(line["Latency"]) for line in lines] == [100] * 10  # type: ignore[arg-type]


def test_what_scaling_follows_is_kept_by_the_second() -> None:
    """InFlight comes every ten seconds; the others are kept by the minute, CloudWatch's default."""
    [line] = recorded([("InFlight", 3, {}), ("Latency", 1, {})])
    [directive] = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert directive["Metrics"] == [
        {"Name": "InFlight", "Unit": "Count", "StorageResolution": 1},
        {"Name": "Latency", "Unit": "Milliseconds"},
    ]


def test_classes_are_capped_for_the_life_of_the_process() -> None:
    """Each class is a metric that costs money: beyond the first hundred, all count as one."""
    lines = recorded([("Prediction", 1, {"Class": f"class {number % 150}"}) for number in range(300)])
    counts = {line["Class"]: line["Prediction"] for line in lines}
    assert len(counts) == MOST_CLASSES + 1
    assert counts["class 0"] == [1, 1]
    assert counts[OTHER_CLASS] == [1] * 100


def test_nothing_recorded_is_nothing_written() -> None:
    """An idle process writes no empty lines."""
    assert emf_lines("iris", {}, 0) == []
    written: list[str] = []
    EmfRecorder("iris", written.append).flush()
    assert written == []


def test_unusable_values_leave_no_line() -> None:
    """NaN alone makes no line at all."""
    values: dict[Series, list[float]] = {("Latency", ()): [float("nan")]}
    assert emf_lines("iris", values, 0) == []


def test_a_value_that_turned_out_otherwise_is_not_written() -> None:
    """Only the latest of its series is forgotten, and one that was written cannot be."""
    written: list[str] = []
    recorder = EmfRecorder("iris", written.append)
    assert not recorder.withdraw("StatusCode", Code="2XX")
    recorder.record("StatusCode", 1, Code="2XX")
    recorder.record("StatusCode", 1, Code="5XX")
    assert recorder.withdraw("StatusCode", Code="2XX")
    recorder.flush()
    assert [json.loads(line)["Code"] for line in written] == ["5XX"]
    assert not recorder.withdraw("StatusCode", Code="5XX")


def test_of_too_many_values_that_wait_the_oldest_are_lost(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody reads what is written: the memory does not grow for ever, rare values stay, and the log says how many are lost."""
    written: list[str] = []
    recorder = EmfRecorder("iris", written.append)
    recorder.record("ModelLoadError", 1)
    for number in range(MOST_WAITING + 7):
        recorder.record("Latency", number)
    for _ in range(2):
        recorder.flush()
    lines = [json.loads(line) for lines in written for line in lines.splitlines()]
    assert [value for line in lines for value in line["Latency"]] == list(range(7, MOST_WAITING + 7))
    assert [line["ModelLoadError"] for line in lines if "ModelLoadError" in line] == [1]
    assert caplog.messages == ["7 metric values were lost: standard output took none for too long"]


def test_classes_that_come_in_ever_other_sets_take_no_memory() -> None:
    """A process that runs for weeks remembers what its flushes repeat, and not each of them."""
    recorder = EmfRecorder("iris", lambda lines: None)
    flushes = combinations([f"class {number}" for number in range(40)], 20)

    def flush(count: int) -> None:
        for classes in islice(flushes, count):
            for name in classes:
                recorder.record("Prediction", 1, Class=name)
            recorder.flush()

    flush(100)
    tracemalloc.start()
    flush(200)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000
