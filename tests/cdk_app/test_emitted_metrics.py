"""What alarms, scaling and dashboard watch is what the running API reports: the real server and the real function say it."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from runtime_handler.contract import METRICS, METRICS_NAME, METRICS_NAMESPACE, ModelsSpec, MonitoringSpec
from tests.cdk_app.aws import REGION
from tests.cdk_app.test_dashboard import DASHBOARD, body
from tests.runtime_handler.emulator import emulating
from tests.runtime_handler.harness import a_spec, serving, write_context
from tests.runtime_handler.models.servers import KEY, SECRET, client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PREDICTOR = """
from pathlib import Path

from starlette.responses import RedirectResponse


class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client
        self.read = float if config["numbers"] else str

    def load_model(self, model_path):
        return float((Path(model_path) / "model.txt").read_text())

    def predict(self, payload):
        if payload == "away":
            return RedirectResponse("/elsewhere")
        return self.read(self.client.get_model(payload))
"""
MODELS = {"one/1/model.txt": b"1", "two/1/model.txt": b"2", "broken/1/model.txt": b"x"}
BUCKET = "models-of-reporting-apis"
"""Of this file alone: all S3 servers of a test run show the same buckets."""
REQUESTS = [b'"one"', b'"one"', b'"two"', b'"away"', b"{", b'"broken"', b'"no such model"']
"""Misses and hits, loads and one that fails, an eviction, and every class of status."""

Watched = tuple[str, frozenset[tuple[str, str]]]
"""A metric's name with its dimensions; the value of Class is left out, for it is the user's."""


@dataclass(frozen=True)
class Run:
    """An API as its stack starts it, and what it reported there."""

    stack: str
    environment: Mapping[str, str]
    reported: frozenset[Watched]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"_aws"')]


def reported(text: str) -> frozenset[Watched]:
    """What CloudWatch makes of the lines of a log."""
    found = set()
    for line in lines_of(text):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == METRICS_NAMESPACE
            [names] = directive["Dimensions"]
            dimensions = frozenset((name, "*" if name == "Class" else line[name]) for name in names)
            found |= {(metric["Name"], dimensions) for metric in directive["Metrics"]}
    return frozenset(found)


def until(log: Callable[[], str], name: str, meanwhile: Callable[[], object] = lambda: None) -> str:
    """The log, as soon as a metric of this name is in it."""
    pause = threading.Event()
    for _ in range(300):
        meanwhile()
        text = log()
        if any(metric == name for metric, _ in reported(text)):
            return text
        pause.wait(0.1)
    raise AssertionError(f"{name} was not reported:\n{log()}")


@pytest.fixture(scope="module")
def synthesized(synthesize: Any, api_of: Any) -> Any:
    """A service that monitors classes and sleeps when nobody calls, a function that monitors numbers, and an endpoint."""
    flowers = api_of("flowers", "fargate", monitoring="classification")
    return synthesize(
        flowers._replace(scaling=flowers.scaling._replace(min_replicas=0)),
        api_of("iris", monitoring="regression"),
        api_of("hosted", "endpoint", monitoring="classification"),
        alarms_topic="arn:aws:sns:us-east-1:123456789012:alarms",
    )


@pytest.fixture(scope="module")
def runs(synthesized: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Both APIs at work, with the variables that their stacks set, until their store goes away."""
    folder = tmp_path_factory.mktemp("runs")
    [container] = synthesized.only("flowers", "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    of_service = deployed({variable["Name"]: variable["Value"] for variable in container["Environment"]})
    of_function = deployed(synthesized.only("iris", "AWS::Lambda::Function")["Environment"]["Variables"])
    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    url = "http://{}:{}".format(*store.get_host_and_port())
    s3 = client(url)
    s3.create_bucket(Bucket=BUCKET)
    for key, content in MODELS.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    access = {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "CXPACK_SETTLE_SECONDS": "0",
        "CXPACK_POLL_SECONDS": "0.1",
    }
    models = ModelsSpec(dir=f"s3://{BUCKET}/", cache_size=1, disk_cache_size=2)

    def context(name: str, **spec: Any) -> Path:
        monitored = MonitoringSpec(model_type="regression" if spec["numbers"] else "classification")
        return write_context(folder / name, {"predictor.py": PREDICTOR}, a_spec(models=models, config=spec), monitoring=monitored)

    served, invoked = context("served", numbers=False), context("invoked", numbers=True)
    with (
        serving(served, **{**of_service, **access, "CXPACK_MODEL_STORE": str(folder / "a")}) as server,
        emulating(invoked, **{**of_function, **access, "CXPACK_MODEL_STORE": str(folder / "b")}) as function,
    ):
        json_body = {"content-type": "application/json"}
        for request in REQUESTS:
            server.client.post("/iris", content=request, headers=json_body)
            function.request("POST", "/iris", "", json_body, request)
        store.stop()
        of_lambda = until(lambda: function.log, "SourceStale", lambda: function.request("POST", "/iris", "", json_body, b"{"))
        until(lambda: server.stdout, "InFlight")
        assert server.stop() == 0
        text = server.stdout
    s3.close()
    of_endpoint = deployed(synthesized.only("hosted", "AWS::SageMaker::Model")["PrimaryContainer"]["Environment"])
    return [
        Run("flowers", of_service, reported(text)),
        Run("iris", of_function, reported(of_lambda)),
        # SageMaker starts the same server: what it reports has the name that this stack sets.
        Run("hosted", of_endpoint, reported(text.replace(of_service[METRICS_NAME], of_endpoint[METRICS_NAME]))),
    ]


def deployed(variables: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a template as CloudFormation hands them on: the one thing that it fills in is the region."""
    filled = {name: REGION if value == {"Ref": "AWS::Region"} else value for name, value in variables.items()}
    assert all(isinstance(value, str) for value in filled.values()), filled
    return filled


def watched(value: Any) -> set[Watched]:
    """Every metric of the runtime's namespace that a resource names, whatever it does with it."""
    if isinstance(value, list):
        return set().union(*map(watched, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(watched, value.values()))
    if value.get("Namespace") == METRICS_NAMESPACE:
        found.add((value["MetricName"], frozenset((each["Name"], each["Value"]) for each in value["Dimensions"])))
    return found


def shown(row: Any) -> Watched | None:
    """The metric of the runtime's that one line of a graph is of; None for an expression over other lines, and for AWS's own."""
    if isinstance(row[0], str):
        if row[0] != METRICS_NAMESPACE:
            return None
        pairs = [part for part in row[2:] if isinstance(part, str)]
        return row[1], frozenset(zip(pairs[::2], pairs[1::2], strict=True))
    search = re.match(r"SEARCH\('\{(\w+),(.*?)\} MetricName=\"(\w+)\" APIName=\"(.*?)\"'", row[0]["expression"])
    if search is None:
        return None
    namespace, names, metric, api = search.groups()
    assert namespace == METRICS_NAMESPACE
    return metric, frozenset((name, api if name == "APIName" else "*") for name in names.split(","))


def of(api: str, metrics: set[Watched]) -> set[Watched]:
    return {each for each in metrics if ("APIName", api) in each[1]}


def test_every_metric_of_the_contract_was_seen(runs: list[Run]) -> None:
    """The comparison below leaves none out; what only servers have comes from the server."""
    names = {run.stack: {name for name, _ in run.reported} for run in runs}
    assert names == {"flowers": set(METRICS), "iris": set(METRICS) - {"InFlight"}, "hosted": set(METRICS)}


def test_what_a_stack_watches_is_what_its_api_reports(synthesized: Any, runs: list[Run]) -> None:
    """Alarms and scaling name namespace, metric and dimensions as CloudWatch has them."""
    for run in runs:
        mine = watched(synthesized.templates[run.stack]["Resources"])
        assert {name for name, _ in mine} >= {"ModelLoadError", "SourceStale"}
        assert mine <= run.reported


def test_what_the_dashboard_shows_is_what_the_apis_report(synthesized: Any, runs: list[Run]) -> None:
    """Each graph of an API has data, and there is one of everything that it reports; SageMaker counts requests by itself."""
    widgets = body(synthesized.only("shared", DASHBOARD))["widgets"]
    rows = [row for widget in widgets for row in widget["properties"].get("metrics", [])]
    graphs = {metric for metric in map(shown, rows) if metric is not None}
    for run in runs:
        mine = of(run.environment[METRICS_NAME], graphs)
        counted = {"StatusCode", "Latency", "InFlight"} if run.stack == "hosted" else set()
        assert mine == {metric for metric in run.reported if metric[0] not in counted}
