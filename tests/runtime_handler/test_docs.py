"""`/-/docs`: the OpenAPI document, held against the API that serves it."""

from collections.abc import Iterator

import hypothesis
import pytest
import schemathesis

from tests.runtime_handler.harness import Server, serving, write_context

PREDICTOR = """
class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload, query_params, headers):
        if hasattr(payload, "multi_items"):
            return [name for name, _ in payload.multi_items()]
        return payload.hex() if isinstance(payload, bytes) else payload
"""

EXAMPLES = 60
"""Requests an operation, at some 2 ms each."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(write_context(tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR})) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Server) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.url}/-/docs/openapi.json")


OPERATIONS = ["GET /iris", "POST /iris", "GET /-/status"]


def test_every_operation_is_asked(document: schemathesis.BaseSchema) -> None:
    """The document has the operations that the test below asks, and no others."""
    assert {operation.ok().label for operation in document.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_the_api_does_what_its_document_says(document: schemathesis.BaseSchema, label: str) -> None:
    """Every body and query that the document allows gets a status, content type and content that it describes, and no 5XX."""
    operation = document.find_operation_by_label(label)

    @hypothesis.given(operation.as_strategy())
    @hypothesis.settings(max_examples=EXAMPLES, deadline=None)
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate()

    ask()
