"""Tensors in and out of a SavedModel, as Cortex's client converted them."""

import base64
from typing import Any

from runtime_handler.errors import BadModelInput


def tensor_of(value: Any, name: str, described: Any) -> Any:
    """`value` as the tensor that the TensorSpec `described` wants.

    Arrays are cast; Python floats are not taken for integers, as TensorFlow's own conversion refuses them. Raises
    BadModelInput.
    """
    import numpy
    import tensorflow

    expected = f"input {name!r} ({described.dtype.name}, shape {_shape(described.shape)})"
    try:
        if (
            isinstance(value, numpy.ndarray | numpy.generic)
            and described.dtype.is_numpy_compatible
            and value.dtype.kind in "biufc"
        ):
            value = numpy.asarray(value).astype(described.dtype.as_numpy_dtype, copy=False)
        tensor = tensorflow.constant(value, dtype=described.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise BadModelInput(f"{expected} got a {type(value).__name__}: {reason}", given=value) from None
    if not described.shape.is_compatible_with(tensor.shape):
        raise BadModelInput(f"{expected} got shape {_shape(tensor.shape)}", given=value)
    return tensor


def flat_output(tensor: Any) -> list[Any]:
    """All values of an output in row order: native numbers and booleans; strings as base64 text."""
    values: list[Any] = tensor.numpy().ravel().tolist()
    if values and isinstance(values[0], bytes):
        return [base64.b64encode(value).decode() for value in values]
    return values


def _shape(shape: Any) -> list[int] | str:
    if shape.rank is None:
        return "unknown"
    return [-1 if size is None else size for size in shape.as_list()]
