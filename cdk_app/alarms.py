"""Alarms of one API. Those on errors undo a deploy that raises them; all of them report to the topic, if there is one."""

from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_app.metrics import CODES, Metric, emitted
from cdk_app.project import Project
from packager.manifest import ManifestApi

ERROR_SHARE = 5
"""Per cent of a minute's answers that may be errors."""
PERIOD_S = 60
STALE_S = 300
"""How old the runtime's view of its models' store may get before someone is told."""


def add_error_alarm(stack: Stack, project: Project, api: ManifestApi) -> cloudwatch.CfnAlarm:
    """Too many of the predictions ended in a 5XX, in two of three minutes; a single failure is never too many."""
    name = project.metrics_name(api)
    codes = {f"m{code.lower()}": emitted("StatusCode", "Sum", of=name, Code=code) for code in CODES}
    return add_share_alarm(
        stack,
        project,
        "ServerErrors",
        f"5XX of {api.name}, in per cent",
        codes,
        failed="m5xx",
        all_of=" + ".join(f"FILL({code}, 0)" for code in codes),
    )


def add_share_alarm(
    stack: Stack, project: Project, name: str, description: str, metrics: Mapping[str, Metric], failed: str, all_of: str
) -> cloudwatch.CfnAlarm:
    """`metrics` are the inputs by id, `failed` the id of those that count, `all_of` the expression of how many there are."""
    share = f"IF(FILL({failed}, 0) > 1, 100 * {failed} / ({all_of}), 0)"
    return _alarm(stack, project, name, description, share, metrics, threshold=ERROR_SHARE, minutes=(2, 3))


def add_model_alarms(stack: Stack, project: Project, api: ManifestApi) -> Sequence[cloudwatch.CfnAlarm]:
    """Models that do not load, and a store that cannot be read. They roll nothing back: the last good models serve on."""
    name = project.metrics_name(api)
    rows = (
        ("ModelLoadErrors", emitted("ModelLoadError", "Sum", of=name), 0, "model versions that failed to load"),
        ("StoreUnreadable", emitted("SourceStale", "Maximum", of=name), STALE_S, "seconds since the model store could be read"),
    )
    return [
        _alarm(
            stack, project, identifier, f"{api.name}: {what}", "FILL(m, 0)", {"m": metric}, threshold=threshold, minutes=(1, 1)
        )
        for identifier, metric, threshold, what in rows
    ]


def _alarm(
    stack: Stack,
    project: Project,
    name: str,
    description: str,
    expression: str,
    metrics: Mapping[str, Metric],
    *,
    threshold: float,
    minutes: tuple[int, int],
) -> cloudwatch.CfnAlarm:
    """Goes off when `expression` is above `threshold` in so many of so many `minutes`; silence is no alarm."""
    topic = project.settings.alarms_topic
    actions = None if topic is None else [topic]
    return cloudwatch.CfnAlarm(
        stack,
        name,
        alarm_description=description,
        comparison_operator="GreaterThanThreshold",
        threshold=threshold,
        datapoints_to_alarm=minutes[0],
        evaluation_periods=minutes[1],
        treat_missing_data="notBreaching",
        metrics=[
            cloudwatch.CfnAlarm.MetricDataQueryProperty(id="watched", expression=expression, label=description),
            *(metric.query(identifier, PERIOD_S) for identifier, metric in metrics.items()),
        ],
        alarm_actions=actions,
        ok_actions=actions,
    )
