"""The project's dashboard: graphs for each API, Cortex's own first, then those about its models.

Every metric is the runtime's, but for the first ones of an endpoint. The number of replicas is how many of them reported
InFlight, once in ten seconds each; what is in flight in all is the sum of their reports, by the ten seconds too.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_app.endpoint_metrics import of_endpoint, of_instances
from cdk_app.metrics import CODES, emitted
from cdk_app.project import Project
from cdk_app.pseudo import Aws
from packager.manifest import ManifestApi
from runtime_handler.contract import METRICS_NAMESPACE

MOST_WIDGETS = 500
"""On one dashboard (CloudWatch quotas)."""
COLUMNS, WIDTH, HEIGHT = 24, 6, 6
PERIOD_S = 60
REPORTS_A_MINUTE = 6
PALETTE = {"2XX": "#2ca02c", "3XX": "#1f77b4", "4XX": "#ff7f0e", "5XX": "#d62728"}

Widget = dict[str, Any]


def add_dashboards(stack: Stack, project: Project) -> None:
    """One dashboard; another for each sixty APIs beyond the first sixty."""
    rows = [list(widgets_of(project, api)) for api in project.manifest.apis]
    each = MOST_WIDGETS // max(map(len, rows), default=1)
    for number, first in enumerate(range(0, len(rows), each), start=1):
        suffix = "" if number == 1 else f"-{number}"
        cloudwatch.CfnDashboard(
            stack,
            "Dashboard" + suffix.lstrip("-"),
            dashboard_name=project.name + suffix,
            # Without spaces: this is most of the shared stack's template, whose size has a limit.
            dashboard_body=json.dumps({"widgets": list(placed(rows[first : first + each]))}, separators=(",", ":")),
        )


def placed(rows: Sequence[Sequence[Widget]]) -> Iterator[Widget]:
    """The widgets of each API from the left, four in a line, below those of the API before."""
    top = 0
    for row in rows:
        yield {**row[0], "x": 0, "y": top, "width": COLUMNS, "height": 1}
        top += 1
        for number, widget in enumerate(row[1:]):
            line, column = divmod(number, COLUMNS // WIDTH)
            yield {**widget, "x": column * WIDTH, "y": top + line * HEIGHT, "width": WIDTH, "height": HEIGHT}
        top += HEIGHT * -(-(len(row) - 1) // (COLUMNS // WIDTH))


def widgets_of(project: Project, api: ManifestApi) -> Iterator[Widget]:
    """A heading, and what there is to see of an API: its target and what it monitors decide which graphs it has."""
    name = project.metrics_name(api)
    # Without its size: changing that is to change the API's stack alone.
    yield {"type": "text", "properties": {"markdown": f"## {api.name} on {api.target}"}}
    yield from invocation_graphs(project.endpoint_name(api)) if api.target == "sagemaker" else request_graphs(project, api)
    if api.monitoring == "classification":
        search = (
            f"SEARCH('{{{METRICS_NAMESPACE},APIName,Class}} MetricName=\"Prediction\" APIName=\"{name}\"', 'Sum', {PERIOD_S})"
        )
        yield graph("Predicted classes", [[{"expression": search, "id": "classes", "label": ""}]], stacked=True)
    if api.monitoring == "regression":
        rows = [
            emitted("Prediction", statistic, of=name).row(statistic.lower()) for statistic in ("Minimum", "Average", "Maximum")
        ]
        yield graph("Predicted values", rows)
    yield graph(
        "Model loads",
        [
            emitted("ModelLoad", "SampleCount", of=name).row("loaded"),
            emitted("ModelLoadError", "Sum", of=name).row("failed", color=PALETTE["5XX"]),
            emitted("ModelEviction", "Sum", of=name).row("evicted"),
        ],
    )
    yield graph(
        "Model cache",
        [emitted("ModelCacheHit", "Sum", of=name).row("hits"), emitted("ModelCacheMiss", "Sum", of=name).row("misses")],
    )
    yield graph("Model store unreadable for (s)", [emitted("SourceStale", "Maximum", of=name).row("seconds")])


def request_graphs(project: Project, api: ManifestApi) -> Iterator[Widget]:
    """Answers, their number and time, as the runtime counts them; replicas where there are any."""
    name = project.metrics_name(api)
    yield graph(
        "Responses",
        [emitted("StatusCode", "Sum", of=name, Code=code).row(code, color=PALETTE[code]) for code in CODES],
        stacked=True,
    )
    yield graph(
        "Requests a second",
        [
            [{"expression": f"SUM(METRICS())/{PERIOD_S}", "label": "requests", "id": "rate"}],
            *(emitted("StatusCode", "Sum", of=name, Code=code).row(code, id=f"m{code.lower()}", visible=False) for code in CODES),
        ],
    )
    yield graph("Latency (ms)", [emitted("Latency", statistic, of=name).row(statistic) for statistic in ("p50", "p90", "p99")])
    if api.target == "lambda":
        yield graph("Average latency (ms)", [emitted("Latency", "Average", of=name).row("average")])
    else:
        yield graph(
            "In flight",
            [
                [{"expression": f"reported/{REPORTS_A_MINUTE}", "label": "in flight", "id": "in_flight"}],
                emitted("InFlight", "Sum", of=name).row("reported", id="reported", visible=False),
            ],
        )
        yield graph("In flight for each replica", [emitted("InFlight", "Average", of=name).row("in flight")])
        yield graph(
            "Replicas",
            [
                [{"expression": f"reports/{REPORTS_A_MINUTE}", "label": "replicas", "id": "replicas"}],
                emitted("InFlight", "SampleCount", of=name).row("reports", id="reports", visible=False),
            ],
        )


def invocation_graphs(endpoint: str) -> Iterator[Widget]:
    """The same as SageMaker counts it (see `endpoint_metrics`)."""
    summed = {name: of_endpoint(name, "Sum", endpoint=endpoint) for name in ("Invocations", "InvocationModelErrors")}
    refused = of_endpoint("Invocation4XXErrors", "Sum", endpoint=endpoint)
    yield graph(
        "Responses",
        [
            [{"expression": "invocations - errors", "label": "2XX", "id": "answered", "color": PALETTE["2XX"]}],
            [{"expression": "errors - refused", "label": "failed", "id": "failed", "color": PALETTE["5XX"]}],
            refused.row("4XX", id="refused", color=PALETTE["4XX"]),
            summed["Invocations"].row("invocations", id="invocations", visible=False),
            summed["InvocationModelErrors"].row("errors", id="errors", visible=False),
        ],
        stacked=True,
    )
    yield graph(
        "Requests a second",
        [
            [{"expression": f"invocations/{PERIOD_S}", "label": "requests", "id": "rate"}],
            summed["Invocations"].row("invocations", id="invocations", visible=False),
        ],
    )
    percentiles = ("p50", "p90", "p99")
    yield graph(
        "Latency (ms)",
        [
            *([{"expression": f"{each}us/1000", "label": each, "id": each}] for each in percentiles),
            *(
                of_endpoint("ModelLatency", each, endpoint=endpoint).row(each, id=f"{each}us", visible=False)
                for each in percentiles
            ),
        ],
    )
    in_flight = of_endpoint("ConcurrentRequestsPerModel", "Average", endpoint=endpoint)
    yield graph("In flight for each replica", [in_flight.row("in flight")])
    yield graph("Replicas", [of_instances("CPUUtilization", "SampleCount", endpoint=endpoint).row("replicas")])


def graph(title: str, metrics: Sequence[Sequence[object]], *, stacked: bool = False) -> Widget:
    """A graph over time, one point a minute."""
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "metrics": metrics,
            "region": Aws.REGION,
            "period": PERIOD_S,
            "view": "timeSeries",
            "stacked": stacked,
            "yAxis": {"left": {"min": 0}},
        },
    }
