"""The answers that a connection ends with, as bytes: for requests that no app answers."""

import json
from http import HTTPStatus


def _answer(status: HTTPStatus, error: str, kind: str) -> bytes:
    body = json.dumps({"error": error, "kind": kind}).encode()
    retry = "retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n{retry}connection: close\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


LONGEST_HEAD = 1 << 16
"""Bytes: more than any of AWS's doors lets through, and little enough for as many connections as there may be."""
SILENCE_S = 60.0
"""How long nothing of a request that has begun may come: as long as load balancers of AWS wait by default."""

NO_HTTP = _answer(HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.", "bad_request")
LARGE_HEAD = _answer(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the request's head takes more than {LONGEST_HEAD} bytes", "head_too_large"
)
SILENT = _answer(HTTPStatus.REQUEST_TIMEOUT, f"nothing of the request came for {SILENCE_S:.0f} seconds", "request_timeout")
WORKER_ENDED = _answer(HTTPStatus.SERVICE_UNAVAILABLE, "the process that served this request ended; try again", "worker_ended")
NO_ROOM = _answer(
    HTTPStatus.SERVICE_UNAVAILABLE, "this replica has too many open files to take another connection; try again", "overloaded"
)
