"""One corpus of requests, the same status, content type and body from every place that an image can run in."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.builders import a_project, an_api
from tests.runtime_handler.emulator import (
    Function,
    as_response,
    emulating,
    function_url_event,
    load_balancer_event,
    rest_api_event,
)
from tests.runtime_handler.harness import Server, serving, write_context
from tests.test_local import local

PREDICTOR = """
from asyncio import CancelledError

import numpy as np
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

ENDS = {"exit": SystemExit(3), "interrupt": KeyboardInterrupt(), "cancelled": CancelledError(), "generator": GeneratorExit()}
HEADS = {
    "nothing": (204, "no content"),
    "unchanged": (304,),
    "line break": (400, "x", {"X-Own": "a\\r\\nx-tea: b"}),
    "snowman": (400, "x", {"X-Own": "\\u2603"}),
    "name": (400, "x", {"x own": "a"}),
    "status": (1000, "x"),
    "informational": (100, "x"),
    "number": (429, "x", {"Retry-After": 30}),
    "own type": (400, "[1]", {"Content-Type": "application/json", "Content-Length": "9", "X-Request-Id": "mine"}),
}
RETURNS = {
    "empty": Response(status_code=204),
    "bad response": Response("x", headers={"x-own": "a\\nb"}),
    "bad status": Response("x", status_code=99),
    "key": {(1, 2): 3},
    "surrogate": "\\ud800",
    "str": "sch\\u00f6n",
    "bytes": b"\\x00\\xff",
    "none": None,
    "nan": [float("nan"), float("inf")],
    "numpy": {"scalar": np.float32(0.5), "array": np.arange(4).reshape(2, 2), "bool": np.bool_(True)},
    "object": object(),
}

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload, query_params):
        kind = query_params.get("kind")
        if kind == "http":
            raise HTTPException(status_code=418, detail="teapot", headers={"X-Tea": "yes", "X-Own": "\\u00e9"})
        if kind in HEADS:
            raise HTTPException(*HEADS[kind])
        if kind == "response":
            return JSONResponse({"made": "by hand"}, status_code=201, headers={"x-own": "1"})
        if kind == "stream":
            return StreamingResponse(iter(["a", "b", "c"]), media_type="text/csv")
        if kind == "raise":
            raise RuntimeError("secret")
        if kind in ENDS:
            raise ENDS[kind]
        if kind in RETURNS:
            return RETURNS[kind]
        if isinstance(payload, bytes):
            return {"bytes": payload.hex()}
        if hasattr(payload, "multi_items"):
            return {
                name: value if isinstance(value, str) else [value.filename, value.file.read().decode()]
                for name, value in payload.multi_items()
            }
        return {"payload": payload, "query": query_params.multi_items()}
"""


RETURN = "return JSON values, str, bytes, numpy values or a Starlette response"
UNSENDABLE = ("object", "bad response", "bad status", "key", "surrogate")
UNSENDABLE_HEADS = ("line break", "snowman", "name", "status", "informational", "number")


@dataclass(frozen=True)
class Case:
    """One request of the corpus."""

    name: str
    body: bytes = b"{}"
    content_type: str | None = "application/json"
    query: str = ""
    method: str = "POST"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.content_type is None else {"content-type": self.content_type}


def _multipart() -> Case:
    request = httpx.Request("POST", "http://x", data={"a": "1"}, files={"f": ("n.txt", b"inside")})
    return Case("multipart", request.read(), request.headers["content-type"])


CORPUS = [
    Case("json", b'{"a": [1, 2.5, null, "\xc3\xa9"]}'),
    Case("json with a charset", b"[1]", "application/json; charset=utf-8"),
    Case("json in capitals", b"[1]", "Application/JSON"),
    Case("json with NaN", b"[NaN, -Infinity]"),
    Case("huge integer", b"123456789012345678901234567890"),
    Case("scalar json", b"3"),
    Case("query", b"1", query="a=1&a=2&b=%20x"),
    Case("broken json", b"{"),
    Case("empty json", b""),
    Case("invalid utf-8", b'"\xff"'),
    Case("raw bytes", b"\x00\x01\xff", "application/octet-stream"),
    Case("text", b"plain", "text/plain"),
    Case("no content type", b"plain", None),
    Case("form", b"a=1&b=x+y", "application/x-www-form-urlencoded"),
    _multipart(),
    Case("broken multipart", b"nonsense", "multipart/form-data"),
    *(Case(f"returns {kind}", query=f"kind={kind}") for kind in ("str", "bytes", "none", "nan", "numpy", "empty", *UNSENDABLE)),
    Case("HTTPException", query="kind=http"),
    *(Case(f"HTTPException {kind}", query=f"kind={kind}") for kind in ("nothing", "unchanged", "own type", *UNSENDABLE_HEADS)),
    Case("own response", query="kind=response"),
    Case("stream", query="kind=stream"),
    Case("exception", query="kind=raise"),
    *(Case(f"ends with {kind}", query=f"kind={kind}") for kind in ("exit", "interrupt", "cancelled", "generator")),
    Case("usage", b"", method="GET"),
    Case("preflight", b"", method="OPTIONS"),
    Case("wrong method", b"", method="DELETE"),
]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_context(tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR})


@pytest.fixture(scope="module")
def server(context: Path) -> Iterator[Server]:
    with serving(context) as running:
        yield running


@pytest.fixture(scope="module")
def function(context: Path) -> Iterator[Function]:
    with emulating(context) as running:
        yield running


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of `cxpack local`, which serves a project with the same predictor."""
    file = a_project(tmp_path_factory.mktemp("project"), an_api("iris"), predictor_dot_py=PREDICTOR)
    with local(file) as running, httpx.Client(base_url=running.urls["iris"].removesuffix("/iris"), trust_env=False) as client:
        yield client


def seen(response: httpx.Response) -> tuple[object, ...]:
    """What must be the same everywhere; where there is no content, Lambda's fronts name a type for it all the same."""
    names = (
        "content-type" if response.content else "x-nothing",
        "access-control-allow-origin",
        "x-tea",
        "x-own",
        "allow",
        "retry-after",
    )
    return (response.status_code, response.content, *(response.headers.get(name) for name in names))


def ask(client: httpx.Client, case: Case, path: str = "/iris") -> httpx.Response:
    return client.request(case.method, path, params=case.query or None, content=case.body, headers=case.headers)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_every_surface_gives_the_same_answer(server: Server, front: httpx.Client, function: Function, case: Case) -> None:
    """The HTTP server, SageMaker's path, `cxpack local` and Lambda behind an HTTP API agree on every request."""
    wanted = seen(ask(server.client, case))
    assert seen(ask(server.client, case, "/invocations")) == wanted or case.name == "wrong method"
    assert seen(ask(front, case)) == wanted
    assert seen(function.request(case.method, "/iris", case.query, case.headers, case.body)) == wanted


OTHER_FRONTS = [
    case
    for case in CORPUS
    if case.name in ("json", "query", "raw bytes", "returns bytes", "HTTPException", "HTTPException own type")
]


@pytest.mark.parametrize("event", [rest_api_event, load_balancer_event])
@pytest.mark.parametrize("case", OTHER_FRONTS, ids=lambda case: case.name)
def test_the_other_fronts_of_lambda_agree(server: Server, function: Function, event: object, case: Case) -> None:
    """REST APIs and load balancers send other events and get the same answers."""
    assert callable(event)
    answer = function.invoke(event(case.method, "/iris", case.query, case.headers, case.body))
    assert seen(as_response(answer)) == seen(ask(server.client, case))


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_a_function_url_gives_the_same_answer(server: Server, function: Function, case: Case) -> None:
    """A function URL sends every body that is no text in base64, forms too, and null for what it has not."""
    event = function_url_event(case.method, "/iris", case.query, case.headers, case.body)
    assert seen(as_response(function.invoke(event))) == seen(ask(server.client, case))


@pytest.mark.parametrize(
    ("name", "status", "content"),
    [
        ("json", 200, {"payload": {"a": [1, 2.5, None, "é"]}, "query": []}),
        ("huge integer", 200, {"payload": 123456789012345678901234567890, "query": []}),
        ("raw bytes", 200, {"bytes": "0001ff"}),
        ("form", 200, {"a": "1", "b": "x y"}),
        ("multipart", 200, {"a": "1", "f": ["n.txt", "inside"]}),
        ("query", 200, {"payload": 1, "query": [["a", "1"], ["a", "2"], ["b", " x"]]}),
        ("returns numpy", 200, {"scalar": 0.5, "array": [[0, 1], [2, 3]], "bool": True}),
        ("own response", 201, {"made": "by hand"}),
        *((f"returns {kind}", 500, {"error": "internal server error", "kind": "predictor_error"}) for kind in UNSENDABLE),
        *(
            (f"HTTPException {kind}", 500, {"error": "internal server error", "kind": "predictor_error"})
            for kind in UNSENDABLE_HEADS
        ),
        ("exception", 500, {"error": "internal server error", "kind": "predictor_error"}),
        ("ends with exit", 500, {"error": "internal server error", "kind": "predictor_error"}),
        ("ends with cancelled", 500, {"error": "internal server error", "kind": "predictor_error"}),
    ],
)
def test_payloads_and_returns_as_in_cortex(server: Server, name: str, status: int, content: object) -> None:
    """What the predictor receives for each content type, and what the caller receives for each return value."""
    [case] = [case for case in CORPUS if case.name == name]
    response = ask(server.client, case)
    assert (response.status_code, response.json()) == (status, content)


@pytest.mark.parametrize(
    ("name", "content_type", "content"),
    [
        ("returns str", "text/plain; charset=utf-8", "schön".encode()),
        ("returns bytes", "application/octet-stream", b"\x00\xff"),
        ("returns none", "application/json", b"null"),
        ("returns nan", "application/json", b"[NaN, Infinity]"),
        ("HTTPException", "text/plain; charset=utf-8", b"teapot"),
        ("stream", "text/csv; charset=utf-8", b"abc"),
    ],
)
def test_bodies_that_are_not_plain_json(server: Server, name: str, content_type: str, content: bytes) -> None:
    """Strings are unquoted text, bytes are bytes, NaN is written as json.dumps does, HTTPException's detail is text."""
    [case] = [case for case in CORPUS if case.name == name]
    response = ask(server.client, case)
    assert (response.headers["content-type"], response.content) == (content_type, content)


def test_headers_of_an_exception_stand_once(server: Server) -> None:
    """Those that the user's code set are theirs, but for the length, which is that of what is sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = "POST /iris?kind=own%20type HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
        connection.sendall(f"{head}content-length: 2\r\n\r\n{{}}".encode())
        with connection.makefile("rb") as answer:
            lines = answer.read().lower().split(b"\r\n")
    ours = [line for line in lines if line.startswith((b"content-", b"x-request-id"))]
    assert sorted(ours) == [b"content-length: 3", b"content-type: application/json", b"x-request-id: mine"]


@pytest.mark.parametrize(
    ("name", "status"), [("returns empty", 204), ("HTTPException nothing", 204), ("HTTPException unchanged", 304)]
)
def test_an_answer_that_has_no_body_is_its_head_alone(server: Server, name: str, status: int) -> None:
    """Whatever the exception's detail: the connection's next answer would begin with it."""
    [case] = [case for case in CORPUS if case.name == name]
    for _ in range(2):
        assert ask(server.client, case).status_code == status
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"POST /iris?{case.query} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
        connection.sendall(f"{head}content-length: 2\r\n\r\n{{}}".encode())
        with connection.makefile("rb") as answer:
            assert answer.read().partition(b"\r\n\r\n")[2] == b""


def test_what_cannot_be_sent_is_named_in_the_log(server: Server) -> None:
    """One sentence, without a traceback of ours."""
    for kind in ("object", "line break", "bad status"):
        server.client.post("/iris", params={"kind": kind}, json=0, headers={"x-request-id": f"unsendable {kind}"})
    lines = [json.loads(line) for line in server.stderr.splitlines() if '"unsendable ' in line]
    assert [line["message"] for line in lines] == [
        f"what predict returned cannot be sent: an object of type object is not JSON serializable; {RETURN}",
        r"the HTTPException that predict raised cannot be sent: HTTP cannot carry the header 'x-own': 'a\r\nx-tea: b'",
        "what predict returned cannot be sent: the status 99 is none of an answer: 200 to 599 are",
    ]
    assert not any("traceback" in line for line in lines)


@pytest.mark.parametrize("name", ["broken json", "empty json", "invalid utf-8", "broken multipart"])
def test_bodies_that_cannot_be_read_are_the_callers_fault(server: Server, name: str) -> None:
    """400 with our JSON error."""
    [case] = [case for case in CORPUS if case.name == name]
    response = ask(server.client, case)
    assert (response.status_code, response.json()["kind"]) == (400, "bad_payload")


@pytest.mark.parametrize(
    "event",
    [{"x": 1}, {}, [1], "x", None, {"requestContext": None}, {"requestContext": {"connectionId": "1"}, "body": "of a WebSocket"}],
    ids=repr,
)
def test_an_event_of_no_front_is_the_payload_itself(function: Function, event: object) -> None:
    """`aws lambda invoke` with the payload as event predicts, too, and so does everything else that can invoke a function."""
    answer = function.invoke(event)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"payload": event, "query": []})
