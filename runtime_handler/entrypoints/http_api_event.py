"""Events in payload format 2.0, those of HTTP APIs and function URLs, to ASGI and back.

Mangum translates every other event. This one, which our own stacks send, is translated here with the same outcome,
because importing Mangum takes longer than everything else of ours that a start imports (40 to 130 ms).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from runtime_handler.asgi import Scope

TEXTS = (
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/vnd.api+json",
    "application/vnd.oai.openapi",
)
"""Content types whose bodies travel as they are, as long as they are UTF-8; all others travel in base64."""

FORMAT = "2.0"
DEFAULT_STAGE = "$default"
DEFAULT_PORT, LONGEST_PORT = 80, 5


class HttpApiEvent:
    """One event; called with the app's response, it gives the function's."""

    @classmethod
    def infer(cls, event: Any, context: Any, config: Any) -> bool:  # noqa: ARG003  as Mangum's handlers
        """Whether it is in that format."""
        return (
            isinstance(event, dict)
            and event.get("version") == FORMAT
            and "http" in (event.get("requestContext") or ())
            and "resource" not in event
        )

    def __init__(self, event: Mapping[str, Any], context: Any, config: Any = None) -> None:  # noqa: ARG002  as above
        self._event = event
        self._context = context

    @property
    def body(self) -> bytes:
        """The request's body."""
        body: str = self._event.get("body") or ""
        if not self._event.get("isBase64Encoded"):
            return body.encode()
        from binascii import a2b_base64  # here, for most bodies are text

        return a2b_base64(body)

    @property
    def scope(self) -> Scope:
        """ASGI's scope of the request."""
        event = self._event
        http = event["requestContext"]["http"]
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        if event.get("cookies"):
            headers["cookie"] = "; ".join(event["cookies"])
        host, _, port = headers.get("host", "lambda").partition(":")
        return {
            "type": "http",
            "http_version": "1.1",
            "method": http["method"],
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "path": unquote(_after_stage(http["path"], event["requestContext"])) or "/",
            "raw_path": None,
            "root_path": "",
            "scheme": headers.get("x-forwarded-proto", "https"),
            "query_string": event.get("rawQueryString", "").encode(),
            "server": (host, _number(port or headers.get("x-forwarded-port", ""))),
            "client": (http.get("sourceIp"), 0),
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "aws.event": event,
            "aws.context": self._context,
        }

    def __call__(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """The function's response to the app's `status`, `headers` and `body`."""
        headers: dict[str, str] = {}
        cookies: list[str] = []
        for raw_name, raw_value in response["headers"]:
            name, value = raw_name.decode().lower(), raw_value.decode("latin-1")
            if name == "set-cookie":
                cookies.append(value)
            else:
                headers[name] = f"{headers[name]},{value}" if name in headers else value
        content_type = headers.setdefault("content-type", "application/json")
        body, encoded = _carried(response["body"], content_type)
        result = {"statusCode": response["status"], "headers": headers, "body": body, "isBase64Encoded": encoded}
        return {**result, "cookies": cookies} if cookies else result


def _number(port: str) -> int:
    """Of a port as a caller or a proxy wrote it, who may write anything."""
    return int(port) if port.isascii() and port.isdigit() and len(port) <= LONGEST_PORT else DEFAULT_PORT


def _after_stage(path: str, context: Mapping[str, Any]) -> str:
    """The path as the API's routes have it: before it, a stage that has a name puts that."""
    stage = context.get("stage", DEFAULT_STAGE)
    within = stage != DEFAULT_STAGE and f"{path}/".startswith(f"/{stage}/")
    return path.removeprefix(f"/{stage}") if within else path


def _carried(body: bytes, content_type: str) -> tuple[str, bool]:
    """The body as text, and whether that is base64."""
    if not body:
        return "", False
    if any(text in content_type for text in TEXTS):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    from binascii import b2a_base64  # as above

    return b2a_base64(body, newline=False).decode(), True
