"""Whose fault a bad model input is."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.predictors.provenance import _parts, comes_from

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(width=32, allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
PAYLOAD = {"x": [1, 2.5, 0.1], "deep": {"y": "abc"}, "name": "n"}


@pytest.mark.parametrize(
    ("given", "whole", "theirs"),
    [
        (PAYLOAD, True, True),
        (PAYLOAD["deep"], True, True),
        ({"x": [1, 2.5, 0.1]}, True, False),
        ([1, 2.5, 0.1], False, True),
        (["abc", 1], False, True),
        (numpy.array([[1, 2.5]], dtype="float32"), False, True),
        (numpy.array([0.1], dtype="float32"), False, True),
        ([1, 999], False, False),
        (numpy.zeros((1, 5)), False, False),
        ([], False, False),
        (None, False, False),
    ],
)
def test_the_caller_is_at_fault_for_what_they_sent(given: Any, whole: bool, theirs: bool) -> None:
    """Parts of the payload, and values that all occur in it; what the code made up is the code's fault."""
    assert comes_from(given, PAYLOAD, whole=whole) is theirs


@given(payload=VALUES, data=st.data())
def test_every_part_of_a_payload_is_the_callers(payload: Any, data: st.DataObject) -> None:
    """However deep it lies; and so is an array made of its numbers, in whatever order and precision."""
    parts = list(_parts(payload))
    part = data.draw(st.sampled_from(range(len(parts))))
    assert comes_from(parts[part], payload, whole=True)
    numbers = [leaf for leaf in parts if type(leaf) is float]
    if numbers:
        chosen = data.draw(st.lists(st.sampled_from(numbers), min_size=1))
        assert comes_from(numpy.array(chosen, dtype="float32"), payload, whole=False)


def test_a_payload_may_be_deeper_than_python_recurses() -> None:
    """A thousand brackets are no reason for another error than the one that there is."""
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    assert comes_from("end", {"deep": deep, "x": 1}, whole=False)
    assert not comes_from([deep, 2], {"deep": 0}, whole=False)
