"""Request body to payload, and prediction to response body, as Cortex did both.

A JSON body is read with orjson where that gives what the standard library gives, and with the standard library
otherwise (NaN, integers of more than 64 bits, UTF-16): a predictor must not see which of the two it was. Servers import
orjson when they start, a Lambda function with the first large body.
Answers are what json.dumps writes, NaN and Infinity included; numpy's scalars and arrays, which Cortex refused, are
written as the numbers they hold.
"""

import json
import sys
from typing import Any

from runtime_handler.errors import BadPayload
from runtime_handler.request import Answer, Request

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FORMS = ("multipart/form", "application/x-www-form-urlencoded")

LARGE_ARRAY = 1_000
"""Elements from which on an array is written by orjson: json takes a second for a million, and holds up every thread."""

LARGE_BODY = 10_000
"""Bytes from which on a body is worth importing orjson for: a dozen of them take json as much longer as that takes."""

_LONG_INTEGER = b"0" * 19
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)


def payload_of(request: Request) -> Any:
    """The `payload` argument: parsed JSON, Starlette's FormData, or the raw bytes.

    Raises BadPayload when the content type says JSON and the body is not.
    """
    content_type = request.content_type
    if content_type.startswith(JSON):
        return parse_json(request.body)
    if request.form is not None:
        return request.form
    return request.body


def is_form(content_type: str) -> bool:
    """Whether a lower-cased content type is one of the two form types."""
    return content_type.startswith(FORMS)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text, as json.loads reads it. Raises BadPayload."""
    if ("orjson" in sys.modules or len(body) >= LARGE_BODY) and not _has_long_integer(body):
        import orjson  # here, for it brings modules that take a Lambda function as long to import as a fifth of ours

        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # json.loads accepts more, and words its errors as Cortex's users know them
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = str(error) if body else "it is empty"
        raise BadPayload(f"the body is not JSON: {reason}") from None


def _has_long_integer(body: bytes) -> bool:
    """Whether there may be an integer that orjson takes for a float."""
    return len(body) >= len(_LONG_INTEGER) and _LONG_INTEGER in body.translate(_DIGITS_TO_ZERO)


def answer_of(prediction: Any) -> Answer:
    """The answer that carries what `predict` returned.

    Raises TypeError or ValueError when it can be neither written as JSON nor sent as the response that it is.
    """
    if isinstance(prediction, bytes):
        return Answer(200, prediction, BYTES, [])
    if isinstance(prediction, str):
        return Answer(200, prediction.encode(), TEXT, [])
    responses = sys.modules.get("starlette.responses")
    if responses is not None and isinstance(prediction, responses.Response):
        from runtime_handler.heads import check_head  # here, for few predictors make responses

        check_head(prediction.status_code, prediction.raw_headers)
        return Answer(prediction.status_code, b"", None, [], prediction)
    return Answer(200, dump_json(prediction), JSON, [])


def dump_json(value: Any) -> bytes:
    """What json.dumps writes, with numpy's scalars and arrays as numbers. Raises TypeError or ValueError."""
    try:
        return _ENCODER.encode(value).encode()
    except _LargeArray:
        return _dump_with_arrays(value)


class _LargeArray(Exception):
    """There is an array that orjson should write."""


def _numpy_value(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            if value.size >= LARGE_ARRAY and value.dtype.kind in "iuf" and numpy.isfinite(value).all():
                raise _LargeArray
            return value.tolist()
        if isinstance(value, numpy.generic):
            return value.item()
    raise TypeError(
        f"an object of type {type(value).__name__} is not JSON serializable;"
        " return JSON values, str, bytes, numpy values or a Starlette response"
    )


_ENCODER = json.JSONEncoder(default=_numpy_value)


def _dump_with_arrays(value: Any) -> bytes:
    """Json writes a place holder for each large array, whose text orjson writes."""
    import secrets  # here, for it takes half as long to import as everything else of ours

    texts: dict[bytes, bytes] = {}

    def numpy_value(value: Any) -> Any:
        try:
            return _numpy_value(value)
        except _LargeArray:
            holder = f"array {secrets.token_hex(16)}"
            texts[f'"{holder}"'.encode()] = _array_text(value)
            return holder

    text = json.JSONEncoder(default=numpy_value).encode(value).encode()
    for holder, array in texts.items():
        text = text.replace(holder, array, 1)
    return text


def _array_text(array: Any) -> bytes:
    import numpy  # loaded already, with the array
    import orjson

    if array.dtype.kind == "f":
        array = array.astype("float64")  # as tolist() does: the number that it is, not the shortest for its type
    return orjson.dumps(numpy.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
