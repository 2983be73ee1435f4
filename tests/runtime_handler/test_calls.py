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
