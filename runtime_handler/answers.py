"""The answers that are ours and not the user's: JSON, and which error has which HTTP status."""

import math
from collections.abc import Mapping
from typing import Any

from runtime_handler.calls import PredictorFailed
from runtime_handler.codec import JSON, dump_json
from runtime_handler.errors import (
    BadModel,
    BadModelVersion,
    BadPayload,
    MissingModelName,
    ModelExists,
    ModelNotFound,
    NoRoom,
    ServeError,
    Unavailable,
)
from runtime_handler.request import Answer, Headers

STATUS: Mapping[type[Exception], int] = {
    BadPayload: 400,
    BadModelVersion: 400,
    MissingModelName: 400,
    ModelNotFound: 404,
    Unavailable: 503,
    BadModel: 400,
    ModelExists: 409,
    NoRoom: 507,
}
"""The HTTP status of an error: that of its nearest base class; 500 for any other."""


def json_answer(status: int, body: Mapping[str, Any], headers: Headers | None = None) -> Answer:
    """An answer of ours."""
    return Answer(status, dump_json(body), JSON, headers or [])


def error_answer(error: ServeError | PredictorFailed) -> Answer:
    """The answer that an error stands for."""
    if isinstance(error, PredictorFailed):
        return json_answer(500, {"error": "internal server error", "kind": "predictor_error"})
    status = next((STATUS[base] for base in type(error).__mro__ if base in STATUS), 500)
    answer = json_answer(status, {"error": error.message, "kind": error.kind, **error.fields})
    if isinstance(error, Unavailable):
        answer.headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    return answer
