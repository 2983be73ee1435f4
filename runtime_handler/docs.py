"""`/-/docs`: the API's OpenAPI document, as a page for browsers and as JSON for everybody else.

FastAPI is the house around the serving path, not part of it: it is imported when somebody first asks for the document,
on a thread, for that takes a third of a second; predictions never pass through it.
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import JSONResponse, Response

from runtime_handler.service import Service
from runtime_handler.status import status_of

DOCUMENT = "/-/docs/openapi.json"

ERRORS = {
    "400": "The body, or a model version in it, cannot be used.",
    "404": "There is no such model or version.",
    "500": "The predictor raised; its traceback is in the log.",
    "503": "Starting, loading a model, or too many requests are in flight; try again after `Retry-After` seconds.",
}

ERROR_SCHEMA = {
    "type": "object",
    "required": ["error", "kind"],
    "properties": {"error": {"type": "string"}, "kind": {"type": "string"}},
}


def house(service: Service) -> FastAPI:
    """The application of `/-/docs` and `/-/status`, documented with the prediction paths beside it."""
    spec = service.spec
    app = FastAPI(title=spec.name, version="1", openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/-/status", summary="Models, caches and readiness")
    def status() -> dict[str, Any]:
        return status_of(service)

    document = app.openapi()
    document["paths"] = {spec.endpoint: prediction_path(), **document["paths"]}

    @app.get(DOCUMENT, include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(document)

    @app.get("/-/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return get_swagger_ui_html(openapi_url=DOCUMENT, title=spec.name)
        return JSONResponse(document)

    return app


def prediction_path() -> dict[str, Any]:
    """The OpenAPI path item of the endpoint; what a payload holds is the predictor's own affair."""
    anything: dict[str, Any] = {"schema": {}}
    prediction = dict.fromkeys(("application/json", "text/plain", "application/octet-stream"), anything)  # as codec.answer_of
    errors = {
        status: {"description": description, "content": {"application/json": {"schema": ERROR_SCHEMA}}}
        for status, description in ERRORS.items()
    }
    return {
        "get": {
            "summary": "How to make a prediction, and which models there are",
            "responses": {"200": {"description": "Usage", "content": {"application/json": anything}}, "503": errors["503"]},
        },
        "post": {
            "summary": "Make a prediction",
            "requestBody": {
                "required": True,
                "content": dict.fromkeys(
                    ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream"),
                    anything,
                ),
            },
            "responses": {"200": {"description": "The prediction", "content": prediction}, **errors},
        },
    }
