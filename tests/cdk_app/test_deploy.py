"""The real `cdk` deploys to a server that speaks AWS's API, as a user's first afternoon would."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packager.cli import main
from packager.manifest import Manifest
from tests.cdk_app.aws import Aws, aws_server
from tests.cdk_app.cloudformation import PLACEHOLDERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        server.cdk(tmp_path_factory.mktemp("bootstrap"), "bootstrap", "aws://123456789012/us-east-1")
        yield server


def write_app(folder: Path, project_in: Any, *apis: Any) -> Path:
    """What `cxpack synth` leaves behind: the manifest, the contexts and cdk.json."""
    project_in(folder / "cxpack.out", Manifest(project="p", apis=apis))
    (folder / "cdk.json").write_bytes((Path(__file__).parent.parent.parent / "cdk.json").read_bytes())
    return folder


def test_deploy_and_destroy(aws: Aws, tmp_path: Path, project_in: Any, api_of: Any) -> None:
    """Stacks come up complete, their functions and services are there, and nothing of them is left in the end."""
    project = write_app(
        tmp_path, project_in, api_of("iris"), api_of("flowers", "fargate"), api_of("sentiment", "gpu"), api_of("speech", "inf")
    )
    aws.deploy(project)
    assert aws.stacks() == {f"p-dev-{stack}": "CREATE_COMPLETE" for stack in ("shared", "iris", "flowers", "sentiment", "speech")}
    [function] = aws.client("lambda").list_functions()["Functions"]
    [alias] = aws.client("lambda").list_aliases(FunctionName=function["FunctionName"])["Aliases"]
    assert (function["MemorySize"], alias["Name"], alias["FunctionVersion"]) == (512, "live", "1")
    services = [
        aws.client("ecs").list_services(cluster=cluster)["serviceArns"]
        for cluster in aws.client("ecs").list_clusters()["clusterArns"]
    ]
    assert sorted(len(arns) for arns in services) == [1, 1, 1]
    aws.destroy(project)
    assert aws.stacks() == {}
    assert not aws.client("lambda").list_functions()["Functions"]
    assert all(vpc["IsDefault"] for vpc in aws.client("ec2").describe_vpcs()["Vpcs"])
    assert not {kind: made.standing for kind, made in PLACEHOLDERS.items() if kind != "AWS::S3::BucketPolicy" and made.standing}


def test_an_endpoint_comes_up_changes_goes_back_and_leaves(
    aws: Aws, tmp_path: Path, project_in: Any, api_of: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change reaches the container, the endpoint's name stays; `cxpack` shows it, takes it back, and deletes it."""
    hosted = api_of("hosted", "endpoint", cost="$74 a month idle")
    project = write_app(tmp_path, project_in, hosted)
    aws.deploy(project)
    assert aws.stacks() == {"p-dev-shared": "CREATE_COMPLETE", "p-dev-hosted": "CREATE_COMPLETE"}
    first = running(aws)
    assert first["InstanceType"] == "ml.c5.large"
    assert first["InitialInstanceCount"] == 1
    write_app(tmp_path, project_in, hosted._replace(environment={"LOG_LEVEL": "debug"}))
    aws.deploy(project)
    second = running(aws)
    assert (second["Environment"]["LOG_LEVEL"], first["Environment"]["LOG_LEVEL"]) == ("debug", "info")

    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path / "p")  # `cxpack` takes the folder's name for the project's
    Path("cortex.yaml").write_text("")
    assert main(["get", "hosted", "--format", "json"]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert (entry["status"], entry["cost"]) == ("UPDATE_COMPLETE", "$74 a month idle")
    assert entry["url"] == "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/p-dev-hosted/invocations"
    logs = aws.client("logs")
    group = "/aws/sagemaker/Endpoints/p-dev-hosted"
    logs.create_log_stream(logGroupName=group, logStreamName="live/i-1")
    line = {"timestamp": int(time.time() * 1000), "message": "a line of the container's"}
    logs.put_log_events(logGroupName=group, logStreamName="live/i-1", logEvents=[line])
    assert main(["logs", "hosted"]) == 0
    assert capsys.readouterr().out == "a line of the container's\n"
    assert main(["rollback", "hosted"]) == 0
    assert running(aws)["Environment"] == first["Environment"]
    assert main(["delete", "hosted", "--yes"]) == 0
    assert aws.stacks() == {"p-dev-shared": "CREATE_COMPLETE"}
    sagemaker = aws.client("sagemaker")
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert not sagemaker.list_models()["Models"]
    assert not logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker")["logGroups"]
    aws.destroy(project)


def running(aws: Aws) -> dict[str, Any]:
    """What the one endpoint runs: its variant and its container."""
    sagemaker = aws.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName="p-dev-hosted")
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])["ProductionVariants"]
    return {**variant, **sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]}


def test_what_is_pushed_is_one_manifest_for_the_functions_processor(
    aws: Aws, tmp_path: Path, project_in: Any, api_of: Any
) -> None:
    """Lambda refuses an index, which docker makes of attestations, and an image for the processor that happened to build it."""
    before = len(aws.images_built())
    project = write_app(tmp_path, project_in, api_of("built"))
    aws.deploy(project)
    [build] = aws.images_built()[before:]
    assert build["environment"]["BUILDX_NO_DEFAULT_ATTESTATIONS"] == "1"
    assert build["arguments"][build["arguments"].index("--platform") + 1] == "linux/amd64"
    aws.destroy(project)
