"""What loads of large models are seen to take, and that the cache counts it."""

from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from runtime_handler.models.footprints import WEIGHTY, Footprints
from runtime_handler.models.model import ModelId
from tests.runtime_handler.models.builders import a_manager

A, B = ModelId("a", 1), ModelId("b", 1)
MIB = 1 << 20


def growing(*resident: int) -> Footprints:
    """Footprints in a process that takes these bytes, one after the other."""
    readings: Iterator[int] = iter(resident)
    return Footprints(lambda: next(readings))


def test_a_load_takes_what_the_process_grows_by() -> None:
    """From before the loader is called to after; other files of the same version are not known."""
    footprints = growing(100, 900)
    with footprints.measured(A, "f", WEIGHTY):
        pass
    assert (footprints.seen(A, "f"), footprints.seen(A, "g"), footprints.seen(B, "f")) == (800, 0, 0)
    footprints.forget(A)
    assert footprints.seen(A, "f") == 0


def test_the_least_of_several_loads_counts() -> None:
    """What requests took meanwhile is in some of the measures, what the model takes is in all."""
    footprints = growing(100, 900, 100, 400, 100, 600)
    for _ in range(3):
        with footprints.measured(A, "f", WEIGHTY):
            pass
    assert footprints.seen(A, "f") == 300


def test_loads_that_overlap_tell_nothing() -> None:
    """Whether the other one began before or after, and ended before or after, and however small it is."""
    footprints = growing(*range(0, 1000, 100))
    with footprints.measured(A, "f", WEIGHTY), footprints.measured(B, "f", 1):
        pass
    first, second = footprints.measured(A, "f", WEIGHTY), footprints.measured(B, "f", WEIGHTY)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert (footprints.seen(A, "f"), footprints.seen(B, "f")) == (0, 0)


def test_small_and_failing_loads_tell_nothing() -> None:
    """A small model is not worth a look, and what a failing loader took is not a model's."""
    footprints = growing(100, 900)
    with footprints.measured(A, "f", WEIGHTY - 1):
        pass
    with pytest.raises(ValueError, match="bad"), footprints.measured(A, "f", WEIGHTY):
        raise ValueError("bad")
    assert footprints.seen(A, "f") == 0


def test_models_that_grow_when_they_are_loaded_make_room(tmp_path: Path) -> None:
    """Three models, whose files say that the budget holds all of them, and whose loads are seen to fill it with two.

    The next time each is known to be large before it is loaded.
    """
    for name in "abc":
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        with (tmp_path / "models" / name / "1" / "model").open("wb") as file:
            file.truncate(WEIGHTY)
    resident: list[set[str]] = []

    def load(path: Path, name: str) -> object:
        resident.append({status.name for status in manager.status() if status.memory})
        return numpy.ones(100 * MIB, dtype=numpy.uint8)

    manager = a_manager(
        tmp_path / "store", directory=str(tmp_path / "models"), cache=(3, 3), load=load, settle_s=0, memory_room=250 * MIB
    )
    manager.start()
    for name in "abc":
        manager.get(name)
    assert {status.name for status in manager.status() if status.memory} == {"b", "c"}
    manager.get("a")
    assert resident == [set(), {"a"}, {"a", "b"}, {"c"}]


def test_what_a_load_took_refuses_no_model(tmp_path: Path) -> None:
    """A model whose files fit `cache_bytes` is loaded again, alone, though its load was seen to take more than that."""
    for name in "ab":
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        with (tmp_path / "models" / name / "1" / "model").open("wb") as file:
            file.truncate(WEIGHTY)
    manager = a_manager(
        tmp_path / "store",
        directory=str(tmp_path / "models"),
        cache=(2, 2),
        load=lambda path, name: numpy.ones(100 * MIB, dtype=numpy.uint8),
        settle_s=0,
        cache_bytes=50 * MIB,
    )
    manager.start()
    for name in "abab":
        manager.get(name)
        assert [status.name for status in manager.status() if status.memory] == [name]
