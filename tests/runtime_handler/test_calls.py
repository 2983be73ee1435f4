"""Whose fault it is that a model refuses its input."""

from typing import Any

import pytest

from runtime_handler.calls import PredictorFailed, SingleCalls
from runtime_handler.errors import BadModelInput
from runtime_handler.predictor import Predictor
from runtime_handler.request import Request


class Refused:
    """Gives its model what the caller sent."""

    def predict(self, payload: Any) -> Any:
        raise BadModelInput("no", given=payload)


class Inventive:
    """Asks for no payload, and gives its model what happens to be what the caller sent."""

    def predict(self, batch_id: Any) -> Any:
        raise BadModelInput("no", given=[1])


@pytest.mark.parametrize(("predictor", "error"), [(Refused(), BadModelInput), (Inventive(), PredictorFailed)])
def test_who_asks_for_no_payload_made_the_input_up(predictor: Any, error: type[Exception]) -> None:
    """An input that came with the request is the caller's fault; without a payload nobody sent anything."""
    calls = SingleCalls(Predictor(predictor), None, lambda *_: None)
    with pytest.raises(error):
        calls.answer(Request(b"[1]", "application/json", [], b"", "id"))


class Speechless(Exception):
    """An exception of which no text can be made."""

    def __str__(self) -> str:
        raise ValueError


class Afterwards:
    """Asks for the payload only when the answer is out, or fails then."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def predict(self, query_params: Any) -> Any:
        return "done"

    def post_predict(self, response: Any, payload: Any) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(("body", "error"), [(b"not JSON", None), (b"1", Speechless()), (b"1", SystemExit(3))])
def test_nothing_that_comes_after_the_answer_changes_it(body: bytes, error: BaseException | None) -> None:
    """Neither a payload that cannot be read and that only `post_predict` asks for, nor what that raises."""
    calls = SingleCalls(Predictor(Afterwards(error)), None, lambda function, *arguments: function(*arguments))
    assert calls.answer(Request(body, "application/json", [], b"", "id")).body == b"done"
