"""Bodies in and out, held against the standard library's json."""

import json
import math
from typing import Any

import numpy
import orjson  # noqa: F401  so that `parse_json` uses it, as in a server
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime_handler.codec import answer_of, dump_json, parse_json
from runtime_handler.errors import BadPayload

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type, NaN included."""
    return repr(one) == repr(other)


@given(value=VALUES, ascii_only=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_json_bodies_read_as_the_standard_library_reads_them(value: Any, ascii_only: bool, encoding: str) -> None:
    """Every JSON text gives the same value, of the same types."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode(encoding, "surrogatepass")
    assert same(parse_json(body), json.loads(body))


@given(body=st.binary() | st.text(alphabet='0123456789-+.eE[]{}",:ntfalsurN \\\n', max_size=40).map(str.encode))
@example(b"-0")
@example(b"1e400")
@example(b"[" * 100_000)
@example(b'{"a":1,"a":2}')
@example(b"9" * 5000)
@example(b"18446744073709551616")
@example(b'"\\ud800"')
@example(b"\xef\xbb\xbf1")
def test_any_body_is_accepted_or_refused_alike(body: bytes) -> None:
    """What json.loads refuses is a BadPayload, what it accepts is its value."""
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError):
        with pytest.raises(BadPayload):
            parse_json(body)
    else:
        assert same(parse_json(body), wanted)


@given(value=VALUES)
def test_answers_are_what_json_dumps_writes(value: Any) -> None:
    """Byte for byte."""
    if not isinstance(value, str):
        assert answer_of(value).body == json.dumps(value).encode()


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_arrays_are_written_as_their_numbers(values: list[float]) -> None:
    """Numpy arrays and scalars hold what a list of floats would."""
    assert json.loads(dump_json({"a": numpy.array(values), "s": [numpy.float64(v) for v in values]})) == {
        "a": values,
        "s": values,
    }


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_large_arrays_hold_the_same_numbers_as_small_ones(dtype: str) -> None:
    """However an array is written, the caller reads the numbers of tolist(), in place, whatever its memory layout."""
    array = numpy.random.default_rng(0).standard_normal((50, 40)).astype(dtype)
    for view in (array, array.T, array[::2]):
        assert json.loads(dump_json({"a": [view, view], "b": "array 0"})) == {"a": [view.tolist()] * 2, "b": "array 0"}


def test_arrays_keep_nan() -> None:
    """NaN and Infinity are written as json.dumps writes them, in arrays too."""
    large = numpy.full(100_000, numpy.nan)
    small = json.loads(dump_json(numpy.array([[numpy.nan, numpy.inf]], dtype="float32")))
    assert math.isnan(small[0][0])
    assert small[0][1] == math.inf
    assert all(map(math.isnan, json.loads(dump_json([large]))[0]))


def test_what_is_not_json_is_named() -> None:
    """The log's hint says which type predict returned."""
    with pytest.raises(TypeError, match="an object of type complex is not JSON serializable; return"):
        dump_json([1j])
