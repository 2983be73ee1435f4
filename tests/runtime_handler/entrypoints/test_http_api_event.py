"""Our translation of payload format 2.0 beside Mangum's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES
from mangum.handlers import HTTPGateway

from runtime_handler.entrypoints.http_api_event import HttpApiEvent
from tests.runtime_handler.emulator import function_url_event, http_api_event, load_balancer_event, rest_api_event

NAMES = st.sampled_from(["content-type", "Content-Type", "X-Thing", "accept", "set-cookie", "host", "x-forwarded-proto"])
VALUES = st.sampled_from(["text/html; charset=utf-8", "application/json", "application/octet-stream", "image/png", "h.test"])
PATHS = st.text(st.characters(codec="ascii", exclude_characters="?#"), max_size=20).map(lambda path: "/" + path)
CONTEXT = object()
CONFIG: Any = {"api_gateway_base_path": "/", "text_mime_types": DEFAULT_TEXT_MIME_TYPES, "exclude_headers": []}


def mangums(event: Any) -> Any:
    """Mangum's handler of an event."""
    return HTTPGateway(event, CONTEXT, CONFIG)  # type: ignore[arg-type]  # the context is only passed on


@given(
    st.sampled_from([http_api_event, function_url_event]),
    PATHS,
    st.text(st.characters(codec="ascii")),
    st.dictionaries(NAMES, VALUES),
    st.binary(),
    st.lists(st.text(st.characters(codec="ascii"), min_size=1), max_size=2),
)
def test_requests_are_translated_as_by_mangum(
    make: Any, path: str, query: str, headers: dict[str, str], body: bytes, cookies: list[str]
) -> None:
    """Path, query, headers, cookies, caller and body are what Mangum makes of the same event."""
    event = make("POST", path, query, headers, body)
    if cookies:
        event["cookies"] = cookies
    theirs, ours = mangums(event), HttpApiEvent(event, CONTEXT)
    expected: dict[str, Any] = dict(theirs.scope)
    expected["headers"] = [tuple(header) for header in expected["headers"]]
    if theirs.scope["server"][0] == "mangum":
        expected["server"] = ("lambda", expected["server"][1])
    assert ours.scope == expected
    assert ours.body == theirs.body == body


@given(st.integers(200, 599), st.lists(st.tuples(NAMES, VALUES)), st.binary() | st.text().map(str.encode))
def test_responses_are_translated_as_by_mangum(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    """Status, headers, cookies and body are what Mangum makes of the same response."""
    event = http_api_event("POST", "/", "", {}, b"")
    raw = [(name.encode(), value.encode()) for name, value in headers]
    theirs = mangums(event)({"status": status, "headers": raw, "body": body})
    assert HttpApiEvent(event, CONTEXT)({"status": status, "headers": raw, "body": body}) == theirs


@pytest.mark.parametrize("headers", [{"host": "h.test:http"}, {"x-forwarded-port": "443,443"}, {"host": "h:" + "9" * 5000}])
def test_a_port_that_is_no_number_is_nobodys_error(headers: dict[str, str]) -> None:
    """Callers and proxies write what they like."""
    assert HttpApiEvent(http_api_event("POST", "/", "", headers, b""), CONTEXT).scope["server"][1] == 80


def test_a_stage_is_no_part_of_the_path() -> None:
    """An HTTP API puts a stage's name before the path, unless it is the default one."""
    paths = {("prod", "/prod/iris"): "/iris", ("prod", "/prod"): "/", ("prod", "/production"): "/production"}
    for (stage, path), wanted in {**paths, ("$default", "/$default/iris"): "/$default/iris"}.items():
        event = http_api_event("POST", path, "", {}, b"")
        event["requestContext"]["stage"] = stage
        assert HttpApiEvent(event, CONTEXT).scope["path"] == wanted


def test_other_fronts_are_left_to_mangum() -> None:
    """Events of REST APIs and load balancers, and those that are no HTTP, are not taken for ours."""
    others = [make("POST", "/", "", {}, b"") for make in (rest_api_event, load_balancer_event)]
    for event in (*others, {}, [], None, {"version": "2.0"}, {"version": "2.0", "requestContext": {}}):
        assert not HttpApiEvent.infer(event, CONTEXT, None)
    assert HttpApiEvent.infer(function_url_event("POST", "/", "", {}, b""), CONTEXT, None)
