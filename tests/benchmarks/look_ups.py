"""The row of a client's way to a loaded model."""

from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.rows import OURS, Gate, Row
from tests.benchmarks.serving import Effort
from tests.benchmarks.test_models import a_warm_manager, median_us


def get_model(folder: Path, effort: Effort) -> Iterator[Row]:
    """A warm `get` among ten models and among ten thousand."""
    for models in (10, 10_000):
        manager = a_warm_manager(folder / str(models), models)
        values = [median_us(lambda manager=manager: manager.get("m7"), rounds=3) for _ in range(effort.rounds)]
        yield Row(name=f"warm get_model(), {models:,} models", unit="us", values={OURS: values}, gate=Gate(bound=10))
