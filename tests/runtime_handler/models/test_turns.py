"""The interpreter's turns while models are loaded."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runtime_handler.errors import ModelFailed
from runtime_handler.models.turns import SHORT_S, Turns
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

USUAL_S = 0.003


@pytest.fixture(autouse=True)
def usual_interval() -> Iterator[None]:
    """An interval of the test's own, and afterwards what was there before."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL_S)
    yield
    sys.setswitchinterval(before)


def test_turns_are_short_while_a_model_loads(tmp_path: Path) -> None:
    """During a load, successful or not, other threads get the interpreter soon; afterwards all is as it was."""
    seen: list[float] = []

    def load(path: Path, name: str) -> object:
        seen.append(sys.getswitchinterval())
        if name == "bad":
            raise ValueError(name)
        return name

    bucket = FakeBucket(Clock(), {"models/good/1/model": "x", "models/bad/1/model": "x"})
    manager = a_manager(tmp_path, bucket, cache=(2, 2), load=load)
    manager.start()
    for name in ("good", "bad"):
        with suppress(ModelFailed):
            manager.get(name)
        assert sys.getswitchinterval() == pytest.approx(USUAL_S)
    assert seen == [pytest.approx(SHORT_S)] * 2


def test_loads_side_by_side_end_together() -> None:
    """The first of two overlapping loads to end leaves turns short for the other."""
    turns, inside, leave = Turns(), threading.Event(), threading.Event()

    def other() -> None:
        with turns:
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(30)
    with turns:
        pass
    assert sys.getswitchinterval() == pytest.approx(SHORT_S)
    leave.set()
    thread.join(30)
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)


@pytest.mark.parametrize("chosen", [SHORT_S / 10, 0.02])
def test_a_choice_of_the_users_stays(chosen: float) -> None:
    """An interval that is shorter already, or that the user's code sets while a model loads, is not touched."""
    turns = Turns()
    if chosen < SHORT_S:
        sys.setswitchinterval(chosen)
    with turns:
        sys.setswitchinterval(chosen)
    assert sys.getswitchinterval() == pytest.approx(chosen)
