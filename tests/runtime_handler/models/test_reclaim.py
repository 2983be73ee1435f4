"""The memory of unloaded models: those in reference cycles are found, others cost no collection; it comes before a load."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_handler.models.reclaim import Reclaimer
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

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


def test_notes_of_models_without_size_do_not_pile_up(collections: list[int]) -> None:
    """However many models of no bytes come and go, few of them are remembered."""
    reclaimer = Reclaimer()
    for _ in range(10_000):
        reclaimer.freed(Knot(), 0)
        reclaimer.run()
    assert len(reclaimer._values) <= 2_500


def test_few_of_the_many_parts_of_a_model_are_noted() -> None:
    """A dictionary of a million vectors is let go of as quickly as any other model."""
    reclaimer, vectors = Reclaimer(), [Knot() for _ in range(10_000)]
    for model in (dict(enumerate(vectors)), vectors, tuple(vectors)):
        reclaimer.freed(model, 1)
    assert len(reclaimer._values) == 300


def test_what_made_room_is_given_back_before_the_next_model_is_loaded(tmp_path: Path) -> None:
    """A load finds the memory that its budget promises: the trim comes before it, not after."""
    bucket = FakeBucket(Clock(), {f"models/{name}/model": "x" * ENOUGH for name in "ab"})
    order: list[str] = []

    class Noted(Reclaimer):
        def freed(self, value: object, size: int) -> None:
            order.append("freed")
            super().freed(value, size)

        def run(self) -> None:
            if self._bytes:
                order.append("given back")
            super().run()

    def load(path: Path, name: str) -> str:
        order.append(f"load {name}")
        return name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime_handler.models.manager.Reclaimer", Noted)
        manager = a_manager(tmp_path, bucket, cache=(1, 2), load=load)
    manager.start()
    for name in "ab":
        assert manager.get(name).value == name
    assert order[order.index("freed") :][:3] == ["freed", "given back", "load b"]
