"""Model input: Python values to the numpy arrays that a model wants, with errors that name input, expected and given.

The rules are those of Cortex 0.22's ONNX client: numbers, lists, nested lists and arrays are taken; arrays are cast
between numeric types; when at most one dimension of the model is unknown the value is reshaped to the model's shape,
so that a flat list fits `[1, 4]` and `[N, 4]` alike.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime_handler.errors import BadModelInput

if TYPE_CHECKING:
    import numpy

Shape = tuple[int, ...]
"""Dimensions; -1 is an unknown one."""


class InputSignature(NamedTuple):
    """One input of a model; `dtype` is numpy's, `object` for strings."""

    name: str
    shape: Shape
    dtype: "numpy.dtype[Any]"

    def __str__(self) -> str:
        return f"input {self.name!r} ({self.dtype}, shape {list(self.shape)})"


def feed_of(model_input: Any, inputs: Sequence[InputSignature]) -> "dict[str, numpy.ndarray[Any, Any]]":
    """Input name -> array. A model with one input takes its value directly, too.

    Raises BadModelInput.
    """
    if isinstance(model_input, Mapping):
        return {signature.name: array_of(_named(model_input, signature, inputs), signature) for signature in inputs}
    if len(inputs) != 1:
        names = ", ".join(repr(signature.name) for signature in inputs)
        raise BadModelInput(
            f"the model has the inputs {names}: pass a dict, not a {type(model_input).__name__}", given=model_input
        )
    return {inputs[0].name: array_of(model_input, inputs[0])}


def _named(model_input: Mapping[str, Any], signature: InputSignature, inputs: Sequence[InputSignature]) -> Any:
    value = model_input.get(signature.name)
    if value is None:
        wanted = ", ".join(repr(known.name) for known in inputs)
        given = ", ".join(repr(name) for name in model_input) or "nothing"
        lack = "None" if signature.name in model_input else "missing"
        raise BadModelInput(
            f"{signature} is {lack}: the model takes {wanted}, the call has {given}", given=model_input, whole=True
        )
    return value


def array_of(value: Any, signature: InputSignature) -> "numpy.ndarray[Any, Any]":
    """`value` as the array that `signature` wants. Raises BadModelInput."""
    import numpy  # here, for not every predictor type needs it

    if value is None:
        raise BadModelInput(f"{signature} got None", given=value)
    dtype = signature.dtype
    if isinstance(value, numpy.ndarray | numpy.generic):
        if (value.dtype.kind in "biufc") != (dtype.kind in "biufc"):
            raise BadModelInput(f"{signature} got an array of {value.dtype}", given=value)
        array = numpy.asarray(value).astype(dtype, copy=False)
    else:
        try:
            array = numpy.array(value, dtype=dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadModelInput(f"{signature} got {_shown(value)}: {error}", given=value) from None
    shape = signature.shape
    if shape.count(-1) > 1 or (
        len(shape) == array.ndim and all(want in (-1, have) for want, have in zip(shape, array.shape, strict=True))
    ):
        return array
    try:
        return array.reshape(shape)
    except ValueError:
        raise BadModelInput(f"{signature} got {array.size} values of shape {list(array.shape)}", given=value) from None


def rows_of(feed: "Mapping[str, numpy.ndarray[Any, Any]]", inputs: Sequence[InputSignature]) -> tuple[Any, int] | None:
    """(what feeds must share to be joined, rows); None when the model fixes its first dimension, or the inputs differ in it."""
    if any(signature.shape[:1] != (-1,) or feed[signature.name].ndim == 0 for signature in inputs):
        return None
    counts = {array.shape[0] for array in feed.values()}
    if len(counts) != 1:
        return None
    return tuple((name, array.shape[1:], array.dtype) for name, array in feed.items()), counts.pop()


def join(feeds: "Sequence[Mapping[str, numpy.ndarray[Any, Any]]]") -> "dict[str, numpy.ndarray[Any, Any]]":
    """One feed with the rows of all, in order."""
    import numpy

    return {name: numpy.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def split(output: Any, rows: Sequence[int]) -> list[Any] | None:
    """The rows of each caller of one output, an array or a list; None when it has not one for each row."""
    if len(getattr(output, "shape", (0,))) == 0 or len(output) != sum(rows):
        return None
    ends = list(accumulate(rows))
    return [output[end - count : end] for end, count in zip(ends, rows, strict=True)]


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
