"""Texts with units, read as Cortex read them: Kubernetes quantities, Go durations, shares of replicas."""

import re
from decimal import Decimal
from math import ceil
from typing import NamedTuple

_SUFFIXES = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** exponent for suffix, exponent in zip(("n", "u", "m"), (-9, -6, -3), strict=True)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    "K": Decimal(1000),  # Kubernetes knows the small k only; Cortex's documentation wrote both
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
_QUANTITY = re.compile(r"(\+?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))(?:([eE][+-]?[0-9]{1,3})|([A-Za-z]{0,2}))", re.ASCII)
_LARGEST = Decimal(2) ** 63 - 1  # what Kubernetes can hold

_DURATION_PART = re.compile(r"([0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_LONGEST_S = Decimal(2) ** 63 / 10**9  # Go counts nanoseconds in 64 bits


class Portion(NamedTuple):
    """A number of replicas, or a percentage of the wanted number of them: `max_surge`, `max_unavailable`."""

    amount: int
    percent: bool

    def __str__(self) -> str:
        return f"{self.amount}%" if self.percent else str(self.amount)


def quantity(text: str) -> Decimal | None:
    """The number that a Kubernetes quantity stands for (`200m` 0.2, `100M` 10**8, `1Gi` 2**30, `129e6`), None if it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    if exponent:
        value = Decimal(number + exponent)
    elif suffix in _SUFFIXES:
        value = Decimal(number) * _SUFFIXES[suffix]
    else:
        return None
    return value if value <= _LARGEST else None


def whole(value: Decimal) -> int:
    """The quantity in whole units, rounded up as Kubernetes does."""
    return ceil(value)


def duration_s(text: str) -> float | None:
    """The seconds of a Go duration (`300ms`, `1h30m`, `0`, `-5s`), None when it is none."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits == "0":
        return 0.0
    end, total = 0, Decimal(0)
    while end < len(digits):
        part = _DURATION_PART.match(digits, end)
        if part is None:
            return None
        total += Decimal(part[1]) * _SECONDS[part[2]]
        end = part.end()
    return float(sign * total) if digits and total < _LONGEST_S else None


def portion(value: object) -> Portion | None:
    """A share of replicas: a whole number from 0, or a text from `0%` to `100%`; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Portion(value, percent=False) if value >= 0 else None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}%", value, re.ASCII) and int(value[:-1]) <= 100:
        return Portion(int(value[:-1]), percent=True)
    return None
