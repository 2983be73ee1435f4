"""A row of the table: what each contender measured round by round, their ratios, and the gates that they must hold."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

OURS = "cxpack"
PLAIN = "plain"
LIMIT = "limit"

S = TypeVar("S")
T = TypeVar("T")


def alternate(rounds: int, contenders: Mapping[str, S], measure: Callable[[S], T]) -> dict[str, list[T]]:
    """What `measure` gives for each contender, by name; A B C, A B C, so that a slow minute is slow for all of them."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            results[name].append(measure(contender))
    return results


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Ours over another's, paired by round: the median, and the lowest and highest round."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f}x ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A bound on our median, or, `against` a contender, on the median ratio to it."""

    bound: float
    against: str | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured quantity; `values` are those of every round, by contender, in `unit`."""

    name: str
    unit: str
    values: Mapping[str, Sequence[float]]
    gate: Gate | None = None

    def median(self, contender: str) -> float | None:
        """Of all rounds; None for a contender that this row has not."""
        values = self.values.get(contender)
        return statistics.median(values) if values else None

    def ratio(self, against: str) -> Ratio | None:
        """Ours over `against`; None for a contender that this row has not."""
        others = self.values.get(against)
        if not others or not all(others):
            return None
        ratios = [ours / other for ours, other in zip(self.values[OURS], others, strict=True)]
        return Ratio(median=statistics.median(ratios), low=min(ratios), high=max(ratios))

    def holds(self) -> bool | None:
        """Whether the gate is held; None when there is none."""
        gate = self.gate
        if gate is None:
            return None
        ratio = self.ratio(gate.against) if gate.against else None
        value = ratio.median if ratio else self.median(OURS)
        assert value is not None
        return value >= gate.bound if gate.at_least else value <= gate.bound

    def gate_text(self) -> str:
        """The gate as the table shows it."""
        if self.gate is None:
            return ""
        sign = ">=" if self.gate.at_least else "<="
        of = f"x {self.gate.against}" if self.gate.against else f" {self.unit}"
        return f"{sign} {self.gate.bound:g}{of}"

    def as_json(self) -> dict[str, Any]:
        """Everything, for the results file."""
        ratios = {against: self.ratio(against) for against in (PLAIN, LIMIT)}
        return {
            "name": self.name,
            "unit": self.unit,
            "medians": {contender: _short(statistics.median(values)) for contender, values in self.values.items()},
            "ratios": {
                against: [_short(ratio.median), _short(ratio.low), _short(ratio.high)]
                for against, ratio in ratios.items()
                if ratio
            },
            "gate": self.gate_text() or None,
            "met": self.holds(),
            "values": {contender: [_short(value) for value in values] for contender, values in self.values.items()},
        }


HEADINGS = ("", "unit", OURS, PLAIN, LIMIT, f"over {PLAIN} (spread)", f"over {LIMIT} (spread)", "gate", "met")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text, with headings."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(map(_aligned, range(len(HEADINGS)), line, widths)).rstrip() for line in lines)


def _aligned(column: int, cell: str, width: int) -> str:
    return cell.rjust(width) if HEADINGS[column] in (OURS, PLAIN, LIMIT) else cell.ljust(width)


def _cells(row: Row) -> tuple[str, ...]:
    medians = (row.median(contender) for contender in (OURS, PLAIN, LIMIT))
    ratios = (row.ratio(against) for against in (PLAIN, LIMIT))
    return (
        row.name,
        row.unit,
        *("" if median is None else figure(median) for median in medians),
        *("" if ratio is None else str(ratio) for ratio in ratios),
        row.gate_text(),
        {True: "yes", False: "NO", None: ""}[row.holds()],
    )


def figure(value: float) -> str:
    """Three digits that matter, no more."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def _short(value: float) -> float:
    return float(f"{value:.4g}")
