"""Cortex's prediction monitoring: which value of a prediction is recorded. Values that numpy made count as what they hold."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from runtime_handler.contract import MonitoredType, MonitoringSpec
from runtime_handler.metrics.emf import LONGEST_DIMENSION
from runtime_handler.metrics.recorder import Recorder

log = logging.getLogger("cxpack.monitoring")


class Monitor:
    """Records predictions of one API. Never raises: the answer is more important than its statistics."""

    def __init__(self, spec: MonitoringSpec, recorder: Recorder) -> None:
        self._spec = spec
        self._recorder = recorder
        self._read = READERS[spec.model_type]
        self._complained = False

    def observe(self, prediction: Any) -> None:
        """Record what `predict` returned, when it holds a value to record; say so once when it does not."""
        try:
            value = prediction if self._spec.key is None else _at(prediction, self._spec.key)
            self._read(value, self._recorder)
        except Exception as error:  # noqa: BLE001  whatever the user's object does when looked at, the answer goes out
            if not self._complained:
                self._complained = True
                log.warning("a prediction could not be monitored: %s (said once)", error)


def _at(prediction: Any, key: str) -> Any:
    if not isinstance(prediction, Mapping):
        raise TypeError(f"monitoring.key is {key!r}, and predict returned a {type(prediction).__name__}, not a dict")
    if prediction.get(key) is None:
        raise KeyError(f"monitoring.key is {key!r}, and predict returned none")
    return prediction[key]


def _native(value: Any) -> Any:
    """A numpy scalar, or an array of one element, as the Python value it holds."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "size", 1) == 1 else value


def _classification(value: Any, recorder: Recorder) -> None:
    native = _native(value)
    if not isinstance(native, str | int):  # bool is an int
        raise TypeError(f"a classification is a string or an integer, not a {type(native).__name__}")
    recorder.record("Prediction", 1, Class=str(native)[:LONGEST_DIMENSION])  # all of it would be remembered


def _regression(value: Any, recorder: Recorder) -> None:
    native = _native(value)
    if not isinstance(native, int | float) or isinstance(native, bool):
        raise TypeError(f"a regression value is a number, not a {type(native).__name__}")
    number = float(native)
    if not math.isfinite(number):
        raise ValueError(f"CloudWatch takes no {number}")
    recorder.record("Prediction", number)


READERS: Mapping[MonitoredType, Callable[[Any, Recorder], None]] = {"classification": _classification, "regression": _regression}
"""How a value is recorded, for each `monitoring.model_type`."""
