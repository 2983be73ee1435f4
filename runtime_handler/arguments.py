"""What fills the arguments of `predict` and `post_predict`: made only for those that the method declares."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from runtime_handler.codec import payload_of
from runtime_handler.request import Request


def arguments_of(request: Request, names: Collection[str]) -> dict[str, Any]:
    """Those of the request's arguments that `names` asks for. Raises BadPayload when the payload cannot be read."""
    return {name: ARGUMENTS[name](request) for name in names}


def _query_params(request: Request) -> Any:
    from starlette.datastructures import QueryParams  # here, for it costs a Lambda start 100 ms

    return QueryParams(request.query_string)


def _headers(request: Request) -> Any:
    from starlette.datastructures import Headers  # as above

    raw = request.headers
    if all(name != b"x-request-id" for name, _ in raw):  # Cortex's proxy (Istio's) gave one to every request
        raw = [*raw, (b"x-request-id", request.id.encode("latin-1"))]
    return Headers(raw=raw)


def _batch_id(request: Request) -> None:  # noqa: ARG001  only jobs of a BatchAPI have one
    return None


ARGUMENTS: Mapping[str, Callable[[Request], Any]] = {
    "payload": payload_of,
    "query_params": _query_params,
    "headers": _headers,
    "batch_id": _batch_id,
}
