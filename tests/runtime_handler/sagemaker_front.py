"""The one route of SageMaker's runtime that matters here, in front of our container: InvokeEndpoint."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx


@dataclass
class Front:
    """Its address, and (path, whether the request was signed) of every request that came."""

    url: str
    requests: list[tuple[str, bool]] = field(default_factory=list)


@contextlib.contextmanager
def invoking(container: str, endpoint: str) -> Iterator[Front]:
    """Requests to /endpoints/ENDPOINT/invocations reach the container, and what it says beyond 2XX is a ModelError of 424."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            front.requests.append((self.path, self.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")))
            if self.path != f"/endpoints/{endpoint}/invocations":
                self._refuse(400, "ValidationError", {"Message": f"Endpoint {self.path.split('/')[2]} not found."})
                return
            answer = httpx.post(
                container + "/invocations", content=body, headers={"content-type": self.headers["content-type"]}, trust_env=False
            )
            if answer.is_success:
                self._send(answer.status_code, {"content-type": answer.headers["content-type"]}, answer.content)
                return
            message = f"Received server error ({answer.status_code}) from primary"
            told = {"Message": message, "OriginalStatusCode": answer.status_code, "OriginalMessage": answer.text}
            self._refuse(424, "ModelError", {**told, "LogStreamArn": ""})

        def _refuse(self, status: int, kind: str, told: dict[str, object]) -> None:
            self._send(status, {"content-type": "application/json", "x-amzn-errortype": kind}, json.dumps(told).encode())

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    front = Front(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
