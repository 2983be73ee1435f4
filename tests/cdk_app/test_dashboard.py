"""What a project's dashboard shows, and that CloudWatch takes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from cdk_app.dashboard import MOST_WIDGETS
from cdk_app.endpoint_metrics import NAMES
from packager.manifest import Manifest
from packager.reading import MAX_APIS
from runtime_handler.contract import METRICS

DASHBOARD = "AWS::CloudWatch::Dashboard"
MOST_TEMPLATE_BYTES = 1_000_000
"""Of a template in S3 ("Understand CloudFormation quotas": 1 MB; cfn-lint's E1002 counts the megabyte so)."""


def body(properties: dict[str, Any]) -> Any:
    """The dashboard's JSON, with the region in the place of its Ref."""
    joined = properties["DashboardBody"]["Fn::Join"][1]
    return json.loads("".join(part if isinstance(part, str) else "us-east-1" for part in joined))


def titles(made: Any, api: str) -> list[str]:
    widgets = body(made.only("shared", DASHBOARD))["widgets"]
    start = next(number for number, widget in enumerate(widgets) if f"## {api} on" in widget["properties"].get("markdown", ""))
    rest = (widget["properties"] for widget in widgets[start + 1 :])
    found = []
    for properties in rest:
        if "markdown" in properties:
            break
        found.append(properties["title"])
    return found


def test_every_graph_is_of_a_metric_that_is_emitted(everything: Any) -> None:
    """Names, and the dimension that tells environments apart, are the runtime's; or SageMaker's, of an endpoint."""
    shown, invoked = set(), set()
    for widget in body(everything.only("shared", DASHBOARD))["widgets"]:
        for row in widget["properties"].get("metrics", []):
            if not isinstance(row[0], str):
                continue
            if row[0] == "AWS/SageMaker":
                assert (row[2], row[4:6]) == ("EndpointName", ["VariantName", "live"])
                assert row[3] in {"p-dev-hosted", "p-dev-seeing", "p-dev-hearing"}
                invoked.add(row[1])
            elif row[0] != "/aws/sagemaker/Endpoints":
                assert (row[0], row[2]) == ("cxpack", "APIName")
                assert row[3].startswith("p-dev-")
                shown.add(row[1])
    assert shown == set(METRICS) - {"Prediction"}
    assert invoked <= NAMES


def test_the_requests_of_an_endpoint_are_those_that_sagemaker_counts(everything: Any) -> None:
    """Six graphs as everybody's, from metrics that come whatever becomes of the log; ModelLatency is in microseconds."""
    assert titles(everything, "hosted")[:5] == [
        "Responses", "Requests a second", "Latency (ms)", "In flight for each replica", "Replicas",
    ]  # fmt: skip
    assert "Predicted classes" in titles(everything, "seeing")
    latency = [
        widget["properties"]["metrics"]
        for widget in body(everything.only("shared", DASHBOARD))["widgets"]
        if "p50us" in json.dumps(widget) and "p-dev-hosted" in json.dumps(widget)
    ]
    assert [row[0]["expression"] for row in latency[0] if isinstance(row[0], dict)] == ["p50us/1000", "p90us/1000", "p99us/1000"]


def test_graphs_fit_what_the_api_is(synthesize: Any, api_of: Any) -> None:
    """Replicas where there are any; classes or values as the API monitors them."""
    made = synthesize(
        api_of("classes", monitoring="classification"), api_of("values", "fargate", monitoring="regression"), api_of("neither")
    )
    assert "Predicted classes" in titles(made, "classes")
    assert titles(made, "values")[:6] == [
        "Responses", "Requests a second", "Latency (ms)", "In flight", "In flight for each replica", "Replicas",
    ]  # fmt: skip
    assert "Predicted values" in titles(made, "values")
    assert not {"Predicted values", "Predicted classes", "Replicas"} & set(titles(made, "neither"))
    text = json.dumps(body(made.only("shared", DASHBOARD)))
    assert 'MetricName=\\"Prediction\\" APIName=\\"p-dev-classes\\"' in text


def test_widgets_do_not_overlap(everything: Any) -> None:
    """Each has its own place on the grid."""
    cells = set()
    for widget in body(everything.only("shared", DASHBOARD))["widgets"]:
        mine = {(widget["x"] + x, widget["y"] + y) for x in range(widget["width"]) for y in range(widget["height"])}
        assert not cells & mine
        assert widget["x"] + widget["width"] <= 24
        cells |= mine


def test_many_apis_take_more_dashboards(everything: Any, api_of: Any) -> None:
    """No dashboard has more graphs than CloudWatch allows."""
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template

    from cdk_app.dashboard import add_dashboards
    from cdk_app.project import Project
    from cdk_app.settings import Settings
    from packager.manifest import Manifest

    api = api_of("one", "fargate", monitoring="regression")
    apis = tuple(api._replace(name=f"api-{number}") for number in range(60))
    stack = Stack(App(auto_synth=False), "shared")
    add_dashboards(stack, Project(Manifest(project="p", apis=apis), Settings()))
    made = Template.from_stack(stack).to_json()["Resources"]
    assert [one["Properties"]["DashboardName"] for one in made.values()] == ["p-dev", "p-dev-2"]
    assert all(0 < len(body(one["Properties"])["widgets"]) <= MOST_WIDGETS for one in made.values())


@pytest.mark.parametrize(
    ("on", "monitoring"), [("fargate", "regression"), ("endpoint", "regression"), ("lambda", "classification")]
)
def test_the_shared_template_has_room_for_a_full_file(tmp_path: Path, api_of: Any, on: str, monitoring: str) -> None:
    """As many APIs as `check` takes, with the longest names and the most graphs: CloudFormation takes a megabyte."""
    from aws_cdk import App  # after the Node of the tests is found

    from cdk_app.project import Project
    from cdk_app.settings import Settings
    from cdk_app.stacks import add_shared_stack

    apis = tuple(api_of(f"a-{number:040}", on, monitoring=monitoring) for number in range(MAX_APIS))
    app = App(outdir=str(tmp_path), auto_synth=False, builtin_cloud_formation_validation=False)
    add_shared_stack(app, Project(Manifest(project="p" * 40, apis=apis), Settings(environment="e" * 32)))
    app.synth()
    [template] = tmp_path.glob("*.template.json")
    assert template.stat().st_size < MOST_TEMPLATE_BYTES
