"""What scaling follows."""

from runtime_handler.entrypoints.board import Board, WorkerGate
from runtime_handler.metrics.in_flight import InFlightSampler


class Records:
    """A Recorder that remembers."""

    def __init__(self) -> None:
        self.values: list[tuple[str, float]] = []

    def record(self, metric: str, value: float, **dimensions: str) -> None:
        assert not dimensions
        self.values.append((metric, value))


def test_the_mean_of_ten_seconds_is_one_value() -> None:
    """One sample a tick; every tenth the mean is recorded and all metrics are written, and the next ten begin anew."""
    counts = iter([*range(10), *[4] * 10, 100])
    records = Records()
    flushed_after: list[int] = []
    sampler = InFlightSampler(lambda: next(counts), records, lambda: flushed_after.append(len(records.values)))
    for _ in range(21):
        sampler.tick()
    assert records.values == [("InFlight", 4.5), ("InFlight", 4)]
    assert flushed_after == [1, 2]


def test_it_is_that_of_the_whole_replica() -> None:
    """Every process counts its own, the sum is everybody's, and a process that is dead has none."""
    board = Board(workers=2, slots=1)
    one, other = (WorkerGate(board, number, limit=3) for number in range(2))
    assert [one.enter(), one.enter(), other.enter(), other.enter()] == [True, True, True, False]
    assert one.in_flight() == other.in_flight() == board.in_flight() == 3
    one.leave()
    assert other.enter()
    board.clear(0)
    assert other.in_flight() == 2
