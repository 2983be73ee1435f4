"""Quantities, durations and shares as Cortex, that is Kubernetes and Go, read them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.units import Portion, duration_s, portion, quantity, whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.2", "0.2"),
        ("200m", "0.2"),
        ("100M", "100000000"),
        ("1Gi", "1073741824"),
        ("129e6", "129000000"),
        ("1.5Gi", "1610612736"),
        (".5", "0.5"),
        ("1.", "1"),
        ("2k", "2000"),
        ("2K", "2000"),
        ("1E", "1e18"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("5e-1", "0.5"),
        ("+4", "4"),
        ("0", "0"),
    ],
)
def test_a_quantity_is_its_number(text: str, value: str) -> None:
    """Suffixes are decimal or binary, exponents are allowed, nothing is rounded."""
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "m", "1 Gi", "1GB", "-1", "1ki", "1e", "1e999", "9e99", "1.2.3", "１", "1Gi\n", "0x10", "1_000"]
)
def test_other_texts_are_no_quantities(text: str) -> None:
    """Neither are numbers beyond what Kubernetes holds."""
    assert quantity(text) is None


def test_whole_units_are_rounded_up() -> None:
    """As Kubernetes does, so that a replica never gets less than was asked for."""
    assert whole(Decimal("0.1")) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("0.2s", 0.2),
        ("60s", 60),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h0.5m", 3630),
        ("0", 0),
        ("-5s", -5),
        ("2µs", 2e-6),
    ],
)
def test_a_duration_is_its_seconds(text: str, seconds: float) -> None:
    """Go's grammar: numbers with units, one after another."""
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 m", "5min", "1d", "--5s", "1h-30m", "9" * 30 + "s", "99999999999h", "1H"])
def test_other_texts_are_no_durations(text: str) -> None:
    """A bare number has no unit; more than Go's 64 bits of nanoseconds do not count."""
    assert duration_s(text) is None


def test_a_share_of_replicas_is_a_number_or_a_percentage() -> None:
    """What a Kubernetes rolling update takes, and nothing else."""
    assert portion("25%") == Portion(25, percent=True)
    assert portion(3) == Portion(3, percent=False)
    assert [portion(value) for value in ("101%", "-1%", "1.5%", "x", "3", -1, True, 0.5, None)] == [None] * 9
    assert str(portion("25%")) == "25%"
    assert str(portion(0)) == "0"


@given(st.text(max_size=30))
def test_no_text_upsets_the_readers(text: str) -> None:
    """Anything is a value or None."""
    value, seconds = quantity(text), duration_s(text)
    assert value is None or value >= 0
    assert seconds is None or isinstance(seconds, float)


@given(st.integers(0, 10**11), st.sampled_from(["", "k", "M", "Ki", "Mi"]))
def test_quantities_grow_with_their_number(number: int, suffix: str) -> None:
    """A bigger number of one unit is a bigger quantity."""
    smaller, bigger = quantity(f"{number}{suffix}"), quantity(f"{number + 1}{suffix}")
    assert smaller is not None
    assert bigger is None or smaller < bigger
