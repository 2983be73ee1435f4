"""Unloaded models that hang in reference cycles are found; others cost no garbage collection."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from runtime_handler.models.reclaim import Reclaimer

ENOUGH = 9 << 20


class Knot:
    """A model that refers to itself, as models of some frameworks do."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """The generations of garbage collections that somebody asked for; automatic ones are off."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.disable()
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.enable()


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"model": value}, lambda value: [value]])
def test_a_cycle_is_collected(collections: list[int], wrap: object) -> None:
    """A model that is alive after it was let go of is collected, on its own or in the container that a loader returned."""
    assert callable(wrap)
    knot = Knot()
    alive, reclaimer = weakref.ref(knot), Reclaimer()
    reclaimer.freed(wrap(knot), ENOUGH)
    del knot
    assert alive() is not None
    reclaimer.run()
    assert alive() is None
    assert collections == [2]


def test_what_is_gone_or_small_costs_no_collection(collections: list[int]) -> None:
    """Models that end by themselves need none, and little is not worth one."""
    reclaimer = Reclaimer()
    reclaimer.freed(object(), ENOUGH)
    reclaimer.freed({"a": 1}, ENOUGH)
    reclaimer.run()
    knot = Knot()
    reclaimer.freed(knot, 1)
    reclaimer.run()
    assert collections == []
