"""Model input as Cortex's ONNX client took it."""

import contextlib
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from runtime_handler.errors import BadModelInput
from runtime_handler.predictors.arrays import InputSignature, array_of, feed_of, join, rows_of, split

FOUR = InputSignature(name="x", shape=(-1, 4), dtype=numpy.dtype("float32"))


def signature(shape: tuple[int, ...], dtype: str = "float32", name: str = "x") -> InputSignature:
    return InputSignature(name=name, shape=shape, dtype=numpy.dtype(dtype))


@pytest.mark.parametrize(
    ("value", "shape", "expected"),
    [
        ([1, 2, 3, 4], (1, 4), (1, 4)),
        ([1, 2, 3, 4], (-1, 4), (1, 4)),
        ([[1, 2, 3, 4]] * 3, (-1, 4), (3, 4)),
        (numpy.arange(8), (-1, 4), (2, 4)),
        (5, (), ()),
        (5, (1,), (1,)),
        ([[1, 2]], (-1, -1), (1, 2)),
        ([1, 2], (-1, -1), (2,)),
    ],
)
def test_shapes_are_met_as_cortex_met_them(value: Any, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """At most one unknown dimension: reshaped; more: left as it came."""
    assert array_of(value, signature(shape)).shape == expected


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1, 2, 3], "3 values of shape [3]"),
        (["a", "b", "c", "d"], "could not convert string to float"),
        ([[1, 2], [3]], "inhomogeneous"),
        (numpy.array(["a"]), "an array of <U1"),
        (None, "got None"),
        ({"a": 1}, "got dict"),
    ],
)
def test_an_error_names_input_expected_and_given(value: Any, says: str) -> None:
    """Name, type and shape that are wanted, and what came."""
    with pytest.raises(BadModelInput) as raised:
        array_of(value, FOUR)
    assert "input 'x' (float32, shape [-1, 4])" in raised.value.message
    assert says in raised.value.message


def test_several_inputs_need_a_dict_with_all_names() -> None:
    """A missing name is told together with those that are wanted and those that were given; others are ignored."""
    two = (signature((-1,), name="a"), signature((-1,), "int64", name="b"))
    feed = feed_of({"a": [1], "b": [2], "c": [3]}, two)
    assert {name: array.dtype.name for name, array in feed.items()} == {"a": "float32", "b": "int64"}
    with pytest.raises(BadModelInput, match=r"'a', 'b'.*the call has 'a'"):
        feed_of({"a": [1]}, two)
    with pytest.raises(BadModelInput, match="pass a dict, not a list"):
        feed_of([1], two)


@given(array=arrays.arrays(st.sampled_from(["int8", "int64", "uint16", "float16", "float64", "bool"]), (2, 4)))
def test_numeric_arrays_are_cast(array: Any) -> None:
    """Whatever numeric type the user computed with, the model gets its own."""
    with numpy.errstate(all="ignore"):
        converted = array_of(array, FOUR)
        assert converted.dtype == "float32"
        numpy.testing.assert_array_equal(converted, array.astype("float32"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@given(value=JSON)
def test_any_json_becomes_an_array_or_a_clear_error(value: Any) -> None:
    """No payload makes the converter fail in another way."""
    with numpy.errstate(all="ignore"):
        for shape, dtype in (((-1, 4), "float32"), ((1,), "int64"), ((-1,), "object"), ((), "bool")):
            with contextlib.suppress(BadModelInput):
                assert array_of(value, signature(shape, dtype)).dtype == dtype


@given(rows=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_joined_feeds_split_into_what_they_were(rows: list[int]) -> None:
    """Each caller gets its own rows back."""
    feeds = [{"x": numpy.random.default_rng(count).random((count, 4), dtype="float32")} for count in rows]
    joined = join(feeds)
    assert rows_of(joined, (FOUR,)) == ((("x", (4,), numpy.dtype("float32")),), sum(rows))
    parts = split(joined["x"], rows)
    assert parts is not None
    for part, feed in zip(parts, feeds, strict=True):
        numpy.testing.assert_array_equal(part, feed["x"])
    assert split(joined["x"], [*rows, 1]) is None


def test_models_of_a_fixed_size_run_alone() -> None:
    """A first dimension of 1 has no room for a second caller."""
    fixed = signature((1, 4))
    assert rows_of({"x": numpy.zeros((1, 4), "float32")}, (fixed,)) is None
