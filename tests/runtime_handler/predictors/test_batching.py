"""Calls that run at the same time become one run of the model."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime_handler.contract import BatchingSpec
from runtime_handler.predictors.batching import Batcher


class Doubler:
    """A model of lists: doubles each row; remembers the size of every run; refuses rows that are no numbers."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.gate = threading.Event()
        self.entered = threading.Event()

    def rows(self, feed: list[Any]) -> tuple[Any, int] | None:
        return ("list", len(feed)) if feed else None

    def join(self, feeds: Sequence[list[Any]]) -> list[Any]:
        return [row for feed in feeds for row in feed]

    def split(self, outputs: list[Any], rows: Sequence[int]) -> list[list[Any]] | None:
        taken = iter(outputs)
        return [[next(taken) for _ in range(count)] for count in rows]

    def run(self, feed: list[Any]) -> list[Any]:
        self.runs.append(len(feed))
        self.entered.set()
        assert self.gate.wait(30)
        return [row * 2.0 for row in feed]


def run_together(feeds: Sequence[list[Any]], most: int, model: Doubler, interval_s: float = 30) -> list[Any]:
    """What each of these callers, all running at once, gets: outputs or an exception."""
    batcher = Batcher(model, BatchingSpec(max_batch_size=most, batch_interval_s=interval_s), running=lambda: len(feeds))
    model.gate.set()

    def call(feed: list[Any]) -> Any:
        try:
            return batcher.run(feed)
        except TypeError as error:
            return error

    with ThreadPoolExecutor(len(feeds)) as pool:
        return list(pool.map(call, feeds))


def test_each_caller_gets_its_own_rows() -> None:
    """Sixteen callers, batches of four: four runs, nobody's rows at anybody else's."""
    model = Doubler()
    feeds: list[list[Any]] = [[float(number), number + 0.5] for number in range(16)]
    assert run_together(feeds, 4, model) == [[row * 2 for row in feed] for feed in feeds]
    assert model.runs == [8] * 4


def test_a_caller_that_is_alone_does_not_wait() -> None:
    """With one request running, the interval of half an hour is not waited for."""
    model = Doubler()
    assert run_together([[1.0]], 64, model, interval_s=1800) == [[2.0]]


def test_a_bad_input_fails_alone() -> None:
    """The batch that it was part of is run again, one by one."""
    outcomes = run_together([[1.0], ["a"], [3.0]], 3, Doubler())
    assert (outcomes[0], outcomes[2]) == ([2.0], [6.0])
    assert isinstance(outcomes[1], TypeError)


def test_nobody_waits_for_callers_that_never_come() -> None:
    """Others that run without calling the model hold a batch up for the interval at most."""
    clock = iter(range(1000))
    model = Doubler()
    model.gate.set()
    spec = BatchingSpec(max_batch_size=8, batch_interval_s=3)
    batcher: Batcher[list[Any], list[Any]] = Batcher(model, spec, running=lambda: 5, clock=lambda: float(next(clock)))
    assert batcher.run([1.0]) == [2.0]


def test_a_model_that_gives_no_row_a_row_is_run_alone() -> None:
    """Its first joined answer cannot be split, so it is asked again one by one, and from then on always."""
    model = Doubler()
    model.split = lambda outputs, rows: None  # type: ignore[method-assign]
    assert run_together([[1.0], [2.0]], 2, model) == [[2.0], [4.0]]
    assert model.runs == [2, 1, 1]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_under_load_batches_are_full(size: int) -> None:
    """Twenty-eight callers fill every batch to the size that is allowed."""
    model = Doubler()
    run_together([[float(number)] for number in range(28)], size, model)
    assert model.runs == [size] * (28 // size)


def test_callers_gather_while_the_model_runs() -> None:
    """Who comes during a run shares the next one; each would otherwise find nobody to wait for, and run alone."""
    model = Doubler()
    spec = BatchingSpec(max_batch_size=2, batch_interval_s=30)
    batcher: Batcher[list[Any], list[Any]] = Batcher(model, spec, running=lambda: 1)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(batcher.run, [1.0])]
        assert model.entered.wait(30)
        model.entered.clear()
        calls += [pool.submit(batcher.run, [number]) for number in (2.0, 3.0)]
        assert model.entered.wait(30)
        runs = list(model.runs)
        model.gate.set()
        assert [call.result(30) for call in calls] == [[2.0], [4.0], [6.0]]
    assert runs == [1, 2]
