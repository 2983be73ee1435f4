"""Invocations that come from no HTTP front, and answers that do not fit through Lambda."""

import json
from typing import Any

LARGEST_RESPONSE = 6_291_556
"""Bytes of a function's whole response; AWS's page "Lambda quotas" says 6 MB, its error message this number."""
LARGEST_BALANCED = 1_048_576
"""The same behind a load balancer; AWS's page "Use Lambda functions as targets of an Application Load Balancer" says 1 MB."""
WIDEST = 6
"""Bytes that JSON writes for one character, at most."""


class DirectInvocation:
    """A Mangum handler for `aws lambda invoke`: an event of no HTTP front is the JSON payload itself.

    The answer has the form of the HTTP fronts: statusCode, headers, body, isBase64Encoded.
    """

    @classmethod
    def infer(cls, event: Any, context: Any, config: Any) -> bool:  # noqa: ARG003  Mangum's signature
        """Whether it is plain that no HTTP front made this event; all of theirs carry a requestContext."""
        return not (isinstance(event, dict) and event.get("requestContext"))

    def __init__(self, event: Any, context: Any, config: Any) -> None:  # noqa: ARG002  as above
        self.body = json.dumps(event).encode()
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "aws.context": context,
        }

    def __call__(self, response: Any) -> dict[str, Any]:
        """The response that Mangum gathered, as the caller gets it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response["headers"]}
        try:
            body, encoded = response["body"].decode(), False
        except UnicodeDecodeError:
            from binascii import b2a_base64  # here, for most bodies are text

            body, encoded = b2a_base64(response["body"], newline=False).decode(), True
        return {"statusCode": response["status"], "headers": headers, "body": body, "isBase64Encoded": encoded}


def fitting(response: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """`response` itself, or an error in its place that says why it would not have got through to who sent `event`."""
    balanced = isinstance(event, dict) and "elb" in (event.get("requestContext") or ())
    most = LARGEST_BALANCED if balanced else LARGEST_RESPONSE
    if len(response.get("body") or "") <= most // WIDEST:
        return response
    size = len(json.dumps(response).encode())
    if size <= most:
        return response
    who = "a load balancer takes at most 1 MB from Lambda" if balanced else "Lambda returns at most 6 MB"
    message = f"the answer takes {size:,} bytes and {who}; return less, or set deploy.target: ecs"
    error = {"error": message, "kind": "answer_too_large"}
    headers = {"content-type": "application/json", "x-request-id": request_id}
    carried = (
        {"headers": headers} if "headers" in response else {"multiValueHeaders": {name: [headers[name]] for name in headers}}
    )
    return {
        "statusCode": 500,
        **carried,
        "body": json.dumps(error),
        "isBase64Encoded": False,
    }
