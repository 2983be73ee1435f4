"""The speed table's own arithmetic, and a short run of it against real servers."""

import json
from pathlib import Path

import httpx
import pytest

from tests.benchmarks import load, serving
from tests.benchmarks.__main__ import QUICK, write
from tests.benchmarks.exported import TINY, a_request
from tests.benchmarks.rows import LIMIT, OURS, PLAIN, Gate, Row, alternate, table
from tests.benchmarks.servers import all_running

FASTER = Row(name="speed", unit="requests/s", values={OURS: [30, 80, 40], PLAIN: [10, 20, 20], LIMIT: [60, 80, 80]})


def test_contenders_take_turns() -> None:
    """A slow minute falls on all contenders, for none is measured twice in a row."""
    order: list[str] = []
    assert alternate(2, {"a": "A", "b": "B"}, lambda what: order.append(what) or len(order)) == {"a": [1, 3], "b": [2, 4]}
    assert order == ["A", "B", "A", "B"]


def test_ratios_are_paired_by_round() -> None:
    """A ratio compares values of one round, and is the median of the rounds with their spread."""
    ratio = FASTER.ratio(PLAIN)
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (3, 2, 4)
    assert Row(name="", unit="", values={OURS: [1]}).ratio(PLAIN) is None


@pytest.mark.parametrize(
    ("gate", "holds"),
    [
        (None, None),
        (Gate(against=PLAIN, bound=3, at_least=True), True),
        (Gate(against=PLAIN, bound=3.1, at_least=True), False),
        (Gate(against=LIMIT, bound=0.5), True),
        (Gate(bound=40), True),
        (Gate(bound=39), False),
    ],
)
def test_gates(gate: Gate | None, holds: bool | None) -> None:
    """A gate bounds the median ratio to a contender, or our median itself, from the side that it names."""
    row = Row(name="speed", unit="requests/s", values=FASTER.values, gate=gate)
    assert row.holds() is holds
    assert ("NO" in table([row])) is (holds is False)


def test_a_report_of_wrk() -> None:
    """Throughput and p99 are read in their units; anything else is refused."""
    report = "  Latency Distribution\n     50%  480.00us\n     99%    1.50s \n  1 requests in 3.00s\nRequests/sec:  12345.67\n"
    assert load.parse(report) == load.Load(12345.67, 1500)
    with pytest.raises(ValueError, match="not a report"):
        load.parse("unable to connect")


def test_names_by_rank() -> None:
    """The first name of Zipf's law is asked for most, the same sequence each time."""
    names = [f"m{number}" for number in range(100)]
    sequence = serving.zipf(names, 5000)
    assert sequence == serving.zipf(names, 5000)
    assert sequence.count("m0") > sequence.count("m1") > sequence.count("m9") > 0


def test_results_as_files(tmp_path: Path) -> None:
    """The results file says what was measured and whether its gate is met; the picture is a PNG."""
    write([FASTER, Row(name="alone", unit="us", values={OURS: [1]}, gate=Gate(bound=10))], QUICK, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [(row["name"], row["met"]) for row in results["rows"]] == [("speed", None), ("alone", True)]
    assert results["rows"][0]["ratios"][PLAIN] == [3, 2, 4]
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_every_contender_answers_the_same(tmp_path: Path) -> None:
    """The three servers of one model take one request, and give the same scores: they are measured doing the same work."""
    body = a_request(TINY)
    with all_running(serving.recipes(tmp_path, TINY), body, tmp_path) as servers:
        answers = {
            who: httpx.post(
                f"http://127.0.0.1:{server.port}/predict",
                content=body,
                headers={"content-type": "application/json"},
                trust_env=False,
            ).json()
            for who, server in servers.items()
        }
        assert all(server.start_s > 0 and server.resident_mb > 10 for server in servers.values())
    assert set(answers) == {OURS, PLAIN, LIMIT}
    for other in (PLAIN, LIMIT):
        assert answers[OURS] == pytest.approx(answers[other])
    assert sum(answers[OURS]) == pytest.approx(1, abs=1e-3)
