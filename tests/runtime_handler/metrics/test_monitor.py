"""Which predictions are recorded."""

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.contract import MonitoringSpec
from runtime_handler.metrics.monitor import Monitor


class Records:
    """A Recorder that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, dict[str, str]]] = []

    def record(self, metric: str, value: float, **dimensions: str) -> None:
        assert metric == "Prediction"
        self.seen.append((value, dimensions))


def observed(prediction: Any, **spec: Any) -> list[tuple[float, dict[str, str]]]:
    records = Records()
    Monitor(MonitoringSpec(**spec), records).observe(prediction)
    return records.seen


@pytest.mark.parametrize(
    ("prediction", "name"),
    [
        ("setosa", "setosa"),
        (3, "3"),
        (True, "True"),
        (numpy.int64(7), "7"),
        (numpy.str_("x"), "x"),
        (numpy.bool_(False), "False"),
        (numpy.array([2]), "2"),
    ],
)
def test_classes_are_strings_and_integers_numpys_included(prediction: Any, name: str) -> None:
    """One count under the class's name."""
    assert observed(prediction, model_type="classification") == [(1, {"Class": name})]


@pytest.mark.parametrize(("prediction", "value"), [(1.5, 1.5), (2, 2.0), (numpy.float32(0.5), 0.5), (numpy.array([[3.0]]), 3.0)])
def test_regression_values_are_numbers_numpys_included(prediction: Any, value: float) -> None:
    """The number itself is recorded, so that minimum, maximum and average can be asked for."""
    assert observed(prediction, model_type="regression") == [(value, {})]


def test_a_key_names_a_member_of_the_returned_dict() -> None:
    """As in Cortex: top level only."""
    assert observed({"label": "a", "p": 1}, model_type="classification", key="label") == [(1, {"Class": "a"})]


@pytest.mark.parametrize("prediction", [1.5, None, [1], b"x", numpy.array([1, 2]), float("nan"), {}])
def test_other_values_are_not_recorded(prediction: Any) -> None:
    """Nothing is guessed."""
    assert observed(prediction, model_type="classification") == []
    assert observed(prediction, model_type="classification", key="label") == []


@given(prediction=st.from_type(type).flatmap(st.from_type) | st.floats() | st.dictionaries(st.text(), st.text()))
def test_monitoring_never_raises(prediction: Any) -> None:
    """Whatever predict returned, the answer goes out."""
    for model_type in ("classification", "regression"):
        observed(prediction, model_type=model_type)
        observed(prediction, model_type=model_type, key="k")


def test_a_long_class_is_cut_before_it_is_remembered() -> None:
    """A text that a model made is a class, too, and CloudWatch takes no more of it."""
    [(_, dimensions)] = observed("x" * 100_000, model_type="classification")
    assert dimensions == {"Class": "x" * 1024}
