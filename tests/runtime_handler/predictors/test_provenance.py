"""Whose fault a bad model input is."""

from typing import Any

import numpy
import pytest

from runtime_handler.predictors.provenance import comes_from

PAYLOAD = {"x": [1, 2.5, 0.1], "deep": {"y": "abc"}, "name": "n"}


@pytest.mark.parametrize(
    ("given", "whole", "theirs"),
    [
        (PAYLOAD, True, True),
        (PAYLOAD["deep"], True, True),
        ({"x": [1, 2.5, 0.1]}, True, False),
        ([1, 2.5, 0.1], False, True),
        (["abc", 1], False, True),
        (numpy.array([[1, 2.5]], dtype="float32"), False, True),
        (numpy.array([0.1], dtype="float32"), False, True),
        ([1, 999], False, False),
        (numpy.zeros((1, 5)), False, False),
        ([], False, False),
        (None, False, False),
    ],
)
def test_the_caller_is_at_fault_for_what_they_sent(given: Any, whole: bool, theirs: bool) -> None:
    """Parts of the payload, and values that all occur in it; what the code made up is the code's fault."""
    assert comes_from(given, PAYLOAD, whole=whole) is theirs


def test_without_a_payload_nobody_sent_anything() -> None:
    """A predictor that does not ask for the payload made its input itself."""
    assert comes_from([1], None, whole=False) is False
