"""The one address of `cxpack local`: an ASGI callable that passes each request on to the replica of its endpoint."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from packager.local.replica import Replica

if TYPE_CHECKING:
    import httpx

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
"""Headers that speak of one connection only (RFC 9110, section 7.6.1)."""


class Front:
    """Routes by exact endpoint, as API Gateway does; `<endpoint>/-/...` reaches the replica's own `/-/...`."""

    def __init__(self, client: "httpx.AsyncClient") -> None:
        self.replicas: dict[str, Replica] = {}
        """Endpoint -> the replica that serves it; whoever changes it decides who gets the next request."""
        self._client = client

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One HTTP request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        endpoint, separator, rest = (path, "", "") if path in self.replicas else path.partition("/-/")
        replica = self.replicas.get(endpoint)
        if replica is None:
            known = ", ".join(self.replicas)
            await _answer(send, 404, {"error": f"no API at {path}; the endpoints are {known}", "kind": "endpoint_not_found"})
        elif not replica.running:
            message = f"the process of {replica.name} has ended; its last lines say why"
            await _answer(send, 503, {"error": message, "kind": "not_running"})
        else:
            await self._pass_on(replica, separator + rest if separator else path, scope, receive, send)

    async def _pass_on(self, replica: Replica, path: str, scope: Any, receive: Any, send: Any) -> None:
        import httpx  # here: `check` and `synth` never need it

        query = scope["query_string"]
        request = self._client.build_request(
            scope["method"],
            httpx.URL(scheme="http", host="127.0.0.1", port=replica.port, path=path, query=query or None),
            headers=[(name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP],
            content=_body(receive) if _has_body(scope) else None,
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.ConnectError:
            await _answer(send, 503, {"error": f"{replica.name} is starting", "kind": "not_ready"})
            return
        except httpx.TransportError as error:
            await _answer(send, 502, {"error": f"{replica.name} closed the connection ({error})", "kind": "no_answer"})
            return
        try:
            headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in HOP_BY_HOP]
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            async for chunk in response.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except httpx.TransportError:
            return  # uvicorn closes the connection, for the answer is not complete; the replica has said why
        finally:
            await response.aclose()


def _has_body(scope: Any) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _body(receive: Any) -> Any:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _answer(send: Any, status: int, body: Mapping[str, str]) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
