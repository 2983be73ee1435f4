"""What "latest" means, and what is loaded before anybody asks, from rows of facts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.models.choice import Candidate, latest, worth_loading

CANDIDATES = st.lists(
    st.builds(Candidate, version=st.integers(-3, 5), resident=st.booleans(), loadable=st.booleans(), stale=st.booleans()),
    unique_by=lambda candidate: candidate.version,
)


def some(**versions: str) -> list[Candidate]:
    """`v2="rl"` is version 2: r resident, l loadable, s stale."""
    return [
        Candidate(version=int(name[1:]), resident="r" in facts, loadable="l" in facts, stale="s" in facts)
        for name, facts in versions.items()
    ]


@pytest.mark.parametrize(
    ("candidates", "pin", "current", "on_demand", "expected"),
    [
        (some(v1="r", v2="l"), None, None, False, 1),  # everything in memory: the highest that is there
        (some(v1="r", v2="rl"), None, 1, False, 2),
        (some(v1="r", v2="r"), 1, 2, False, 1),  # a pin wins
        (some(v1="r", v2="r"), 7, 2, False, 2),  # a pin to nothing does not
        (some(v1="l", v2="l"), None, None, True, 2),  # a cache: the highest that can be loaded
        (some(v1="rl", v2="l"), None, 1, True, 1),  # its successor is not in memory yet
        (some(v1="rl", v2="l"), None, 2, True, 2),  # the latest was evicted, an old version that was asked for was not
        (some(v1="rl", v2=""), None, 2, True, 1),  # the latest cannot be loaded any more
        (some(v1="", v2=""), None, None, True, None),
        ([], 3, 4, True, None),
    ],
)
def test_latest(candidates: list[Candidate], pin: int | None, current: int | None, on_demand: bool, expected: int | None) -> None:
    """Every row of the rule."""
    assert latest(candidates, pin=pin, current=current, on_demand=on_demand) == expected


@pytest.mark.parametrize(
    ("candidates", "pin", "current", "on_demand", "expected"),
    [
        (some(v1="l", v2="rl", v3="", v4="rls"), None, None, False, [4, 1]),  # all that is not in memory as it should be
        (some(v1="l", v2="l"), None, None, True, []),  # a cache waits for a request
        (some(v1="rls", v2="rl"), None, 2, True, [1]),  # but keeps what is in memory up to date
        (some(v1="rl", v2="l"), None, 1, True, [2]),  # and prepares the successor of the latest
        (some(v1="l", v2="rl"), 1, 2, True, [1]),  # or the version that is pinned now
        (some(v1="rl", v2="l", v3=""), None, 1, True, [2]),
    ],
)
def test_worth_loading(
    candidates: list[Candidate], pin: int | None, current: int | None, on_demand: bool, expected: list[int]
) -> None:
    """Every row of the rule."""
    assert worth_loading(candidates, pin=pin, current=current, on_demand=on_demand) == expected


@given(CANDIDATES, st.none() | st.integers(-3, 5), st.none() | st.integers(-3, 5), st.booleans())
def test_latest_is_something_that_can_answer(
    candidates: list[Candidate], pin: int | None, current: int | None, on_demand: bool
) -> None:
    """Latest is in memory or, with a cache, loadable; there is one whenever any version could answer."""
    chosen = latest(candidates, pin=pin, current=current, on_demand=on_demand)
    able = {item.version for item in candidates if item.resident or (on_demand and item.loadable)}
    assert chosen in able if able else chosen is None


@given(CANDIDATES, st.none() | st.integers(-3, 5), st.none() | st.integers(-3, 5), st.booleans())
def test_only_loadable_versions_are_worth_loading(
    candidates: list[Candidate], pin: int | None, current: int | None, on_demand: bool
) -> None:
    """Nothing is loaded twice, nor what backs off, nor what is in memory as it should be."""
    chosen = worth_loading(candidates, pin=pin, current=current, on_demand=on_demand)
    by_version = {item.version: item for item in candidates}
    assert len(set(chosen)) == len(chosen)
    assert all(by_version[v].loadable and (not by_version[v].resident or by_version[v].stale) for v in chosen)
