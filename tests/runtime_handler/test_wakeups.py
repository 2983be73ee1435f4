"""Wake-ups by file descriptor, with and without an eventfd."""

import os
import resource

import pytest

from runtime_handler.wakeups import Wakeups


@pytest.fixture(params=["eventfd", "pipe"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has eventfds, and one that has none, as macOS."""
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd", raising=False)
    elif not hasattr(os, "eventfd"):
        pytest.skip("this system has no eventfd")


@pytest.mark.usefixtures("system")
def test_one_by_one() -> None:
    """As many takes go through as wake-ups were given."""
    wakeups = Wakeups(each=True)
    wakeups.give(2)
    wakeups.give()
    for _ in range(3):
        wakeups.take()
    os.set_blocking(wakeups.fileno, False)
    with pytest.raises(BlockingIOError):
        os.read(wakeups.fileno, 8)


@pytest.mark.usefixtures("system")
def test_all_at_once() -> None:
    """One take takes all, and one more finds none and does not block."""
    wakeups = Wakeups(each=False)
    wakeups.give(3)
    wakeups.take()
    wakeups.take()
    with pytest.raises(BlockingIOError):
        os.read(wakeups.fileno, 8)


@pytest.mark.usefixtures("system")
def test_they_are_closed_when_nobody_has_them_any_more() -> None:
    """Neither before, nor never."""
    wakeups = Wakeups(each=True)
    descriptor = wakeups.fileno
    os.fstat(descriptor)
    del wakeups
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.usefixtures("system")
def test_a_system_without_room_for_them_says_so_once() -> None:
    """Nothing is closed that never was open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Wakeups(each=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
