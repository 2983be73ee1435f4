"""One prediction request, as every entry point hands it to the service, and the answer that it gets back."""

from dataclasses import dataclass
from typing import Any

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Request:
    """What the caller sent. `form` is the parsed form of a form content type, whose `body` is then empty; `model` is the one of
    several that a SageMaker endpoint sends this request to.
    """

    body: bytes
    content_type: str
    headers: Headers
    query_string: bytes
    id: str
    form: Any = None
    model: str | None = None


@dataclass(slots=True)
class Answer:
    """What goes back: either `status`, `content_type` and `body`, or the response object that the user's code returned."""

    status: int
    body: bytes
    content_type: str | None
    headers: Headers
    response: Any = None
