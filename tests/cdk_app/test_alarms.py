"""Alarms and scaling watch what the runtime emits, and nothing else of that namespace."""

from typing import Any

import pytest

from cdk_app.metrics import emitted
from runtime_handler.contract import METRICS, METRICS_NAMESPACE

ALARM = "AWS::CloudWatch::Alarm"


def watched(value: Any) -> set[str]:
    """Names of the metrics in the runtime's namespace, wherever they stand in a template."""
    if isinstance(value, list):
        return set().union(*map(watched, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(watched, value.values()))
    return found | {value["MetricName"]} if value.get("Namespace") == METRICS_NAMESPACE else found


def test_every_metric_that_is_watched_is_one_that_is_emitted(everything: Any) -> None:
    """An alarm on a name that nobody reports would never go off."""
    names = set().union(*(watched(template) for template in everything.templates.values()))
    assert names == {"StatusCode", "InFlight", "ModelLoadError", "SourceStale"}
    assert names <= set(METRICS)
    with pytest.raises(KeyError):
        emitted("StatusCodes", "Sum", of="p-dev-iris")


def test_alarms_tell_the_topic(everything: Any, synthesize: Any, api_of: Any) -> None:
    """Whoever named a topic hears of errors and of models that do not load; without one, only rollbacks have alarms."""
    alarms = everything.of_type("iris", ALARM)
    assert set(alarms) == {"ServerErrors", "FunctionErrors", "ModelLoadErrors", "StoreUnreadable"}
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {("arn:aws:sns:us-east-1:123456789012:alarms",)}
    quiet = synthesize(api_of()).of_type("iris", ALARM)
    assert set(quiet) == {"ServerErrors", "FunctionErrors"}
    assert all("AlarmActions" not in alarm for alarm in quiet.values())


def test_silence_is_no_alarm(everything: Any) -> None:
    """An API that nobody calls has no data, and nothing to undo."""
    for stack in everything.templates:
        for name, alarm in everything.of_type(stack, ALARM).items():
            assert alarm["TreatMissingData"] == "notBreaching", f"{stack} {name}"
