"""Predictions that bypass uvicorn's tasks, byte by byte, and what must not bypass them."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime_handler.harness import Server, a_spec, serving, write_context

PREDICTOR = """
import time

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse

class Raising(Response):
    async def __call__(self, scope, receive, send):
        raise RuntimeError("never")

def parts():
    yield "a"
    raise RuntimeError("no more")

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        if payload == "stream":
            return StreamingResponse(iter(["a", "b"]), media_type="text/plain")
        if payload == "late stream":
            time.sleep(0.2)
            return StreamingResponse(iter(["a", "b"]), media_type="text/plain")
        if payload == "missing":
            return FileResponse("/missing")
        if payload == "raising":
            return Raising()
        if payload == "broken stream":
            return StreamingResponse(iter([b"a", 1]), media_type="text/plain")
        if payload == "raising stream":
            return StreamingResponse(parts(), media_type="text/plain")
        if payload == "teapot":
            raise HTTPException(418, "short and stout", {"X-Pot": "tea"})
        if payload == "split":
            raise HTTPException(400, "no", {"X-Pot": "tea\\r\\nset-cookie: stolen"})
        return payload if not isinstance(payload, bytes) else str(len(payload))
"""


@pytest.fixture(scope="module", params=[1, 2], ids=["one-process", "two-processes"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    spec = a_spec(processes_per_replica=request.param)
    with serving(write_context(tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR}, spec)) as running:
        yield running


def post(body: bytes, *lines: str, version: str = "1.1", path: str = "/iris") -> bytes:
    """A request with its length and `lines` as headers."""
    head = [f"POST {path} HTTP/{version}", "host: h", "content-type: application/json", f"content-length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def talk(server: Server, *pieces: bytes) -> bytes:
    """All that comes back for `pieces`, each sent as a packet of its own, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def bodies(answer: bytes) -> list[bytes]:
    """The bodies of answers that have a length."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
        found.append(rest[:length])
        answer = rest[length:]
    return found


LAST = "connection: close"


@pytest.mark.parametrize("split", [1, 30, 100, 108])
def test_a_request_in_pieces(server: Server, split: int) -> None:
    """Wherever a packet ends, in the head or in the body, the request is the same."""
    request = post(b'{"a": [1, 2]}', LAST)
    assert bodies(talk(server, request[:split], request[split:])) == [b'{"a": [1, 2]}']


def test_requests_that_do_not_wait_for_answers(server: Server) -> None:
    """Pipelined requests are answered in their order, whichever way each is served."""
    requests = [post(str(number).encode()) for number in range(20)]
    form = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-type: text/x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ready = b"GET /-/ready HTTP/1.1\r\nhost: h\r\n\r\n"
    answer = talk(server, b"".join([*requests[:10], form, ready, *requests[10:], post(b'"end"', LAST)]))
    assert bodies(answer) == [
        *(str(n).encode() for n in range(10)),
        b"3",
        b'{"ready": true}',
        *(str(n).encode() for n in range(10, 20)),
        b"end",
    ]


def test_a_connection_is_kept_as_the_caller_wants_it(server: Server) -> None:
    """HTTP/1.0, and `connection: close`, end the connection and say so; otherwise one connection serves many requests."""
    for request in (post(b"1", version="1.0"), post(b"1", LAST)):
        answer = talk(server, request)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nconnection: close\r\n" in answer
    assert b"connection: close" not in talk(server, post(b"1") + post(b"2", LAST)).partition(b"\r\n\r\n")[0]


def test_what_uvicorn_keeps(server: Server) -> None:
    """A caller that asks first whether to send, an escaped path, a large body and a chunked one are answered alike."""
    asked = talk(server, post(b"7", "expect: 100-continue", LAST))
    assert asked.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert bodies(talk(server, post(b"7", LAST, path="/%69ris"))) == [b"7"]
    large = json.dumps("x" * 2_000_000).encode()
    assert bodies(talk(server, post(large, LAST))) == [b"x" * 2_000_000]
    chunked = httpx.post(f"{server.url}/iris", content=iter([b"[1,", b"2]"]), headers={"content-type": "application/json"})
    assert chunked.json() == [1, 2]


def test_headers_of_the_users_code(server: Server) -> None:
    """Those of an HTTPException arrive; one with a line break in it cannot become a header of its own."""
    teapot = server.client.post("/iris", json="teapot")
    assert (teapot.status_code, teapot.text, teapot.headers["x-pot"]) == (418, "short and stout", "tea")
    assert b"stolen" not in talk(server, post(b'"split"', LAST)).partition(b"\r\n\r\n")[0]
    assert server.client.post("/iris", json=1).json() == 1


def test_streams(server: Server) -> None:
    """A response object is streamed with Cortex's headers, on a connection that goes on; one that breaks off is cut."""
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for _ in range(2):
            streamed = client.post("/iris", json="stream")
            assert (streamed.status_code, streamed.text) == (200, "ab")
            assert streamed.headers["access-control-allow-origin"] == "*"
            assert client.post("/iris", json=3).json() == 3
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/iris", json="broken stream")
        assert client.post("/iris", json=3).json() == 3


@pytest.mark.parametrize("path", ["/iris", "/%69ris"], ids=["direct", "uvicorn"])
def test_a_stream_to_who_knows_no_chunks_comes_whole(server: Server, path: str) -> None:
    """HTTP/1.0 has none: ApacheBench, and proxies that speak it, would take their lengths for the body."""
    answer = talk(server, post(b'"stream"', version="1.0", path=path))
    assert bodies(answer) == [b"ab"]
    assert b"transfer-encoding" not in answer
    assert talk(server, post(b'"raising stream"', version="1.0", path=path)).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("path", ["/iris", "/%69ris"], ids=["direct", "uvicorn"])
def test_a_stream_that_breaks_off_is_told_once(server: Server, path: str) -> None:
    """One line, with the traceback from the user's generator on; neither the framework's frames nor the server's own words."""
    before = len(server.stderr)
    with pytest.raises(httpx.RemoteProtocolError):
        server.client.post(path, json="raising stream")
    assert server.client.post(path, json=3).json() == 3
    [line] = [json.loads(line) for line in server.stderr[before:].splitlines()]
    assert line["message"] == "answering failed: RuntimeError: no more"
    first, second, *_, last = line["traceback"].splitlines()
    assert first == "Traceback (most recent call last):"
    assert "project/predictor.py" in second
    assert last == "RuntimeError: no more"


def test_what_is_no_http_is_told_so(server: Server) -> None:
    """In JSON, as every error of ours; the connection ends, for nobody knows where the next request would begin."""
    answer = talk(server, b"nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert [json.loads(body)["kind"] for body in bodies(answer)] == ["bad_request"]


def test_requests_before_what_is_no_http_are_answered_first(server: Server) -> None:
    """Each gets its own answer, the 400 comes last; within a body, it is the answer to that request."""
    before = server.stderr
    chunked = b"POST /iris HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    ready = b"GET /-/ready HTTP/1.1\r\nhost: h\r\n\r\n"
    for first in (post(b"1"), chunked + b"3\r\nabc\r\n0\r\n\r\n", post(b"1") + ready, ready + post(b"1") + post(b"2")):
        for rest in (b"nonsense\r\n\r\n", chunked + b"nonsense"):
            statuses = re.findall(rb"HTTP/1.1 (\d+)", talk(server, first + rest))
            assert statuses == [b"200"] * first.count(b"HTTP/1.1") + [b"400"]
    assert re.findall(rb"HTTP/1.1 (\d+)", talk(server, chunked + b"3\r\nabc\r\nnonsense")) == [b"400"]
    assert '"error"' not in server.stderr.removeprefix(before)


def test_what_is_no_http_may_come_in_many_pieces(server: Server) -> None:
    """While requests before it are answered: the caller is told once, at the end, and nothing else is logged."""
    before = len(server.stderr)
    chunked = b"POST /iris HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for piece in (post(b'"late stream"'), chunked + b"nonsense", b"more", b"and more"):
            connection.sendall(piece)
            time.sleep(0.02)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"400"]
    messages = [json.loads(line)["message"] for line in server.stderr[before:].splitlines()]
    assert set(messages) == {"Invalid HTTP request received."}


@pytest.mark.parametrize(("size", "statuses"), [(50_000, [b"200", b"200"]), (500_000, [b"200", b"431"])])
def test_a_head_takes_only_so_much(server: Server, size: int, statuses: list[bytes]) -> None:
    """Beyond it the caller is told, when the requests before are answered, and nothing more is read."""
    large = post(b"2", LAST, f"x-large: {'x' * size}")
    pieces = [large[start : start + 20_000] for start in range(0, len(large), 20_000)]
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection, contextlib.suppress(ConnectionError):
        for piece in (post(b"1"), *pieces):
            connection.sendall(piece)
            time.sleep(0.01)
        connection.settimeout(30)
        while chunk := connection.recv(65536):
            answer += chunk
    if answer or statuses[-1] == b"200":  # a reset may overtake the answer to who still writes
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == statuses


def test_who_sends_too_large_a_head_is_told_so(server: Server) -> None:
    """In JSON, when all that was sent has been read."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nx-large: ")
        time.sleep(0.05)  # what comes with the first piece is not counted
        connection.sendall(b"x" * 70_000)
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert [json.loads(body)["kind"] for body in bodies(answer)] == ["head_too_large"]


def test_a_head_that_begins_behind_a_large_body_is_not_a_large_one(server: Server) -> None:
    """A request that did not wait may begin in the piece that the body before it ends in."""
    large, following = b'"' + b"x" * 90_000 + b'"', post(b"1", LAST)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(post(large) + following[:20])
        connection.settimeout(30)
        answer = connection.recv(65536)  # the first is answered: what came with it is read
        connection.sendall(following[20:])
        while chunk := connection.recv(65536):
            answer += chunk
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200"]


OFFER = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")


@pytest.mark.parametrize("split", range(0, 400, 7))
def test_an_offer_of_another_protocol_changes_nothing(server: Server, split: int) -> None:
    """Java's HttpClient and curl --http2 offer HTTP/2 with each POST; its body is the request's, also where it looks like one."""
    hidden = b'["GET /-/status HTTP/1.1\\r\\nhost: h\\r\\n\\r\\n"]'
    chunked = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
    chunked += "\r\n".join([*OFFER, "", ""]).encode() + b"2\r\n[7\r\n1\r\n]\r\n0\r\n\r\n"
    for request, answer in ((post(hidden, *OFFER), hidden), (chunked, b"[7]")):
        sent = request + post(b"8", *OFFER) + post(b"9", LAST)
        assert bodies(talk(server, sent[:split], sent[split:])) == [answer, b"8", b"9"]


def test_offers_of_another_protocol_may_come_all_at_once(server: Server) -> None:
    """As many as there are in what is read at a time."""
    assert bodies(talk(server, post(b"1", *OFFER) * 600 + post(b"2", LAST))) == [b"1"] * 600 + [b"2"]


@pytest.mark.parametrize("payload", ["raising", "missing"])
def test_a_response_that_fails_before_its_head_is_a_500(server: Server, payload: str) -> None:
    """The connection goes on."""
    answer = talk(server, post(json.dumps(payload).encode()), post(b"1", LAST))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"500", b"200"]
    assert b"predictor_error" in answer


def test_what_follows_a_response_of_the_users_code_is_answered_in_order(server: Server) -> None:
    """Requests that did not wait, one that came in halves, and what is no request."""
    first, half = post(b'"late stream"'), post(b'["a later one"]')
    whole = talk(server, first, half[:-5], half[-5:] + post(b"3") + post(b"4", LAST))
    order = [whole.index(part) for part in (b"1\r\na\r\n", b'["a later one"]', b"\r\n\r\n3", b"\r\n\r\n4")]
    assert order == sorted(order)
    assert re.findall(rb"HTTP/1.1 (\d+)", talk(server, first, b"GARBAGE\r\n\r\n")) == [b"200", b"400"]
    assert re.findall(rb"HTTP/1.1 (\d+)", talk(server, first + b"GARBAGE\r\n\r\n")) == [b"200", b"400"]


def test_an_upgrade_that_nobody_offers_is_not_taken(server: Server) -> None:
    """The request is answered as it is, and nobody is advised to install anything."""
    before = server.stderr
    upgrade = b"GET /iris HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(upgrade)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.stderr == before


def test_callers_that_hang_up(server: Server) -> None:
    """A request cut off in its body, and a caller that does not wait for the answer, cost nobody else anything."""
    before = server.stderr
    for request in (post(b'"half')[:-2], post(b"1"), post(b"1") * 5, b"GET /-/ready HTTP/1.1\r\n\r\n" * 5):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                connection.sendall(request)
    assert server.client.post("/iris", json=[1]).json() == [1]
    assert server.stderr == before


PIECES = (
    post(b"1"),
    post(b'{"a": [1]}', path="/predict"),
    post(b"2", version="1.0"),
    post(b"3", "expect: 100-continue"),
    b"POST /iris HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /-/ready HTTP/1.1\r\nhost: h\r\n\r\n",
    b"POST /iris HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n\r\n1",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n",
)
Edit = tuple[int, int, bytes]


@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.lists(st.tuples(st.integers(0), st.integers(0, 9), st.binary()))
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_the_server_stumble(server: Server, pieces: list[bytes], edits: list[Edit]) -> None:
    """Requests with bytes exchanged, lost and added, on a connection that may be closed at any time: nothing is logged of it but
    that it was no HTTP, and the next caller is served.
    """
    sent = bytearray(b"".join(pieces))
    for position, lost, added in edits:
        at = position % (len(sent) + 1)
        sent[at : at + lost] = added
    before = len(server.stderr)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert server.client.post("/iris", json=1).json() == 1
    messages = [json.loads(line)["message"] for line in server.stderr[before:].splitlines()]
    assert set(messages) <= {"Invalid HTTP request received."}
