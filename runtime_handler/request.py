"""One prediction request, as every entry point hands it to the service, and the answer that it gets back."""

from typing import Any

from runtime_handler.models.model import ModelId

Headers = list[tuple[bytes, bytes]]


class Request:
    """What the caller sent. `form` is the parsed form of a form content type, whose `body` is then empty; `model` is the one of
    several that a SageMaker endpoint sends this request to; `used` is the one that predict asked for last, for the log.
    """

    __slots__ = ("body", "content_type", "form", "headers", "id", "model", "query_string", "used")

    def __init__(
        self,
        body: bytes,
        content_type: str,
        headers: Headers,
        query_string: bytes,
        id: str,
        form: Any = None,
        model: str | None = None,
    ) -> None:
        self.body, self.content_type, self.headers, self.query_string, self.id = body, content_type, headers, query_string, id
        self.form = form
        self.model = model
        self.used: ModelId | None = None


def log_fields(request: Request) -> dict[str, Any]:
    """What a log line says of a request."""
    fields: dict[str, Any] = {"request_id": request.id}
    if request.used is not None:
        fields |= {"model": request.used.name, "version": request.used.version}
    return fields


class Answer:
    """What goes back: either `status`, `content_type` and `body`, or the response object that the user's code returned."""

    __slots__ = ("body", "content_type", "headers", "response", "status")

    def __init__(self, status: int, body: bytes, content_type: str | None, headers: Headers, response: Any = None) -> None:
        self.status, self.body, self.content_type, self.headers = status, body, content_type, headers
        self.response = response
