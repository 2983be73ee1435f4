"""The order of uses against a search through all keys."""

from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.models.recency import Recency

KEYS = st.sampled_from("abcdef")
STEPS = st.lists(st.one_of(st.tuples(st.sampled_from(["add", "use", "remove"]), KEYS), st.tuples(st.just("take"), st.sets(KEYS))))


@given(STEPS, st.integers(0, 3))
def test_the_key_that_was_used_the_longest_ago_is_found(steps: list[tuple[str, str | set[str]]], spare: int) -> None:
    """Whatever was added, used, removed without notice and taken before; keys that are not free are passed over and stay."""
    uses: dict[str, int] = {}
    order: Recency[str] = Recency(uses.get, spare=spare)
    for number, (what, which) in enumerate(steps):
        if isinstance(which, set):
            free = [key for key in uses if key not in which]
            found = order.take(lambda key, kept=which: key not in kept)  # type: ignore[misc]
            assert found == min(free, key=uses.__getitem__, default=None)
            uses.pop(found or "", None)
        elif what == "remove":
            uses.pop(which, None)
        elif what == "add" or which in uses:
            uses[which] = number
            order.add(which)


def test_few_keys_are_looked_at_to_find_one_of_many() -> None:
    """Taking all of 1,000 keys in turn, each used once more before, looks at two keys per key, and not at all of them."""
    looks = 0

    def last_use(key: int) -> int:
        nonlocal looks
        looks += 1
        return uses[key]

    uses = {key: key for key in range(1000)}
    order: Recency[int] = Recency(last_use)
    for key in uses:
        order.add(key)
    for key in reversed(uses):
        uses[key] += 2000
    looks = 0
    assert [order.take(lambda _: True) for _ in uses] == sorted(uses, key=uses.__getitem__)
    assert looks <= 2 * len(uses)


def test_keys_that_went_without_notice_are_forgotten() -> None:
    """Where nobody has to leave, nothing is ever taken; still no more is kept of 10,000 keys than of the 10 that are left."""
    looks = 0

    def last_use(key: int) -> int | None:
        nonlocal looks
        looks += 1
        return key if key in present else None

    present: set[int] = set()
    order: Recency[int] = Recency(last_use)
    for key in range(10_000):
        present.add(key)
        present.discard(key - 10)
        order.add(key)
    assert len(order._known) <= 2 * 10 + 64
    assert len(order._known) == len(order._new) + len(order._heap)
    assert looks <= 2 * 10_000
    assert [order.take(lambda _: True) for _ in range(11)] == [*sorted(present), None]
