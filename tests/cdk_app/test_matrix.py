"""Every way to place, scale and reach an API, from cortex.yaml to stacks in which neither rule pack finds anything."""

import json
from itertools import combinations
from typing import Any

import pytest

from packager.check import check
from packager.manifest import Bundle
from packager.synth import make_manifest
from tests.builders import a_project
from tests.cdk_app.matrix import CHOICES, CORE, SETTINGS, Row, allowed, entry, pairs, rows
from tests.cdk_app.rule_packs import lint, nag

WITH_MODELS = """\
class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        return model_path

    def predict(self, payload):
        return self.client.get_model("one")
"""
ROWS = {f"{row['place']}-{number}": row for number, row in enumerate(rows())}
RUNS = {"function": "AWS::Lambda::Function", "endpoint": "AWS::SageMaker::Endpoint"}
"""Place -> the resource that serves there; everywhere else it is a service."""


@pytest.fixture(scope="module", params=SETTINGS)
def made(request: Any, tmp_path_factory: pytest.TempPathFactory, synthesize_manifest: Any, project_in: Any) -> Any:
    """The stacks of all rows of an account."""
    mine = {name: row for name, row in ROWS.items() if row["account"] == request.param}
    folder = tmp_path_factory.mktemp("matrix")
    text = json.dumps([entry(name, row) for name, row in mine.items()])
    checked = check(a_project(folder / "p", text, with_models_dot_py=WITH_MODELS))
    assert checked.ok, [str(problem) for problem in checked.problems if problem.severity == "error"]
    zipped = [name for name, row in mine.items() if row["package"] == "zip"]
    manifest = make_manifest(checked, {name: bundle(name) for name in zipped})
    return synthesize_manifest(project_in(folder / "p/cxpack.out", manifest), **SETTINGS[request.param]), mine


def bundle(name: str) -> Bundle:
    return Bundle(code=f"{name}/zip/function.zip", layers=(f"{name}/zip/flavour.zip",), runtime="python3.12", handler="a.b")


def test_the_matrix_is_complete() -> None:
    """All that is allowed of place, scaling and networking, and every two choices that go together."""
    core = {tuple(row[dimension] for dimension in CORE) for row in ROWS.values()}
    assert len(core) == 22
    assert all(map(allowed, ROWS.values()))
    covered = {pair for row in ROWS.values() for pair in combinations(row.items(), 2)}
    assert set(pairs()) <= covered
    assert {(dimension, choice) for row in ROWS.values() for dimension, choice in row.items()} == {
        (dimension, choice) for dimension, choices in CHOICES.items() for choice in choices
    }


def test_the_rule_packs_find_nothing(made: Any) -> None:
    """Whatever is combined, the templates are ones that CloudFormation takes, and what AWS advises against has its reason."""
    synthesized, _ = made
    assert not lint(synthesized.templates)
    assert not nag(synthesized.app)


def test_stacks_are_free_of_each_other_and_run_nothing_unasked(made: Any) -> None:
    """No export pins one, and no resource is code of somebody else's."""
    synthesized, _ = made
    for stack, template in synthesized.templates.items():
        text = json.dumps(template)
        assert "Fn::ImportValue" not in text, stack
        assert not [output for output in template["Outputs"].values() if "Export" in output], stack
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"], stack


def test_each_row_is_in_its_stack(made: Any) -> None:
    """What was asked for is what there is: where it runs, whether it sleeps, who gets in, what is watched."""
    synthesized, mine = made
    assert set(synthesized.templates) == {"shared", *mine}
    for name, row in mine.items():
        assert_row(synthesized, name, row)


def assert_row(synthesized: Any, name: str, row: Row) -> None:
    def one(kind: str) -> dict[str, Any] | None:
        found = list(synthesized.of_type(name, kind).values())
        assert len(found) <= 1, f"{name}: {len(found)} {kind}"
        return found[0] if found else None

    assert one(RUNS.get(row["place"], "AWS::ECS::Service")) is not None, name
    route, public = one("AWS::ApiGatewayV2::Route"), row["networking"] == "public" and row["place"] != "endpoint"
    assert (route is not None) == public, name
    if route is not None:
        authorization = {"none": "NONE", "iam": "AWS_IAM", "jwt": "JWT"}[row["auth"]]
        path = f"v1/things.of-{name}" if row["endpoint"] == "a path" else name
        assert (route["AuthorizationType"], route["RouteKey"]) == (authorization, f"ANY /{path}"), name
        assert (one("AWS::ApiGatewayV2::Stage") is not None) == (row["throttle"] == "own"), name
    alarms = set(synthesized.of_type(name, "AWS::CloudWatch::Alarm"))
    assert ("ModelLoadErrors" in alarms) == (row["account"] == "given"), name
    assert ("CalledWhileAsleep" in alarms) == (row["scaling"] == "from none" and row["place"] != "function"), name
    assert "Url" in synthesized.templates[name]["Outputs"], name
    function = one("AWS::Lambda::Function")
    if function is not None:
        assert (function["PackageType"] == "Zip") == (row["package"] == "zip"), name
        assert function["Architectures"] == [row["architecture"]], name
        assert (function.get("ReservedConcurrentExecutions") == 8) == (row["readiness"] == "reserved"), name
        assert ("SnapStart" in function) == (row["readiness"] == "snapshot"), name
