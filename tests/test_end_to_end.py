"""From an example's cortex.yaml to predictions, with the real servers, emulators and commands on the way."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import yaml
from moto.server import ThreadedMotoServer

from packager.check import check
from packager.cli import main
from packager.manifest import Manifest
from packager.synth import synth
from tests.builders import a_project
from tests.cdk_app.aws import Aws, aws_server
from tests.runtime_handler.emulator import emulating
from tests.runtime_handler.harness import serving

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/cortex.yaml"))
SERVED = sorted(path.parent.name for path in (ROOT / "examples").glob("*/expected.json"))
JSON = {"content-type": "application/json"}


def synthesized(name: str, folder: Path) -> tuple[Path, Manifest]:
    """The output of `cxpack synth` for a copy of an example."""
    project = folder / name
    shutil.copytree(ROOT / "examples" / name, project, ignore=shutil.ignore_patterns("cxpack.out", "cdk.*"))
    checked = check(project / "cortex.yaml")
    assert checked.ok, [str(problem) for problem in checked.problems]
    written = synth(checked, project / "cxpack.out")
    return written.out, written.manifest


def content(response: httpx.Response) -> Any:
    return response.json() if response.headers["content-type"].startswith("application/json") else response.text


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("example", SERVED)
def test_a_context_answers_the_same_as_server_and_as_lambda_function(example: str, tmp_path: Path) -> None:
    """The folder that becomes the image gives the same status and body in both places, for good and for bad requests."""
    out, manifest = synthesized(example, tmp_path)
    body = (ROOT / "examples" / example / "request.json").read_bytes()
    expected = json.loads((ROOT / "examples" / example / "expected.json").read_text())
    for api in manifest.apis:
        requests: list[tuple[str, str, bytes]] = [
            ("POST", api.endpoint, body),
            ("POST", "/predict", body),
            ("POST", api.endpoint, b"{not json"),
            ("GET", api.endpoint, b""),
            ("POST", "/elsewhere", body),
        ]
        environment = {"CXPACK_MODEL_STORE": str(tmp_path / "store")}
        with serving(out / api.name, **environment) as server, emulating(out / api.name, **environment) as function:
            answers = [
                (server.client.request(method, path, content=sent, headers=JSON), function.request(method, path, "", JSON, sent))
                for method, path, sent in requests
            ]
        for served, invoked in answers:
            assert (served.status_code, content(served)) == (invoked.status_code, content(invoked))
        wanted = expected[api.name] if isinstance(expected, dict) and api.name in expected else expected
        assert (answers[0][0].status_code, content(answers[0][0])) == (200, wanted)
        assert [served.status_code for served, _ in answers[2:]] == [400, 200, 404]


BUCKET = "models-of-end-to-end"
"""Of this file alone: all S3 servers of a test run show the same buckets."""


@pytest.fixture
def s3() -> Iterator[tuple[str, Any]]:
    """An S3 server's address and a client of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    yield url, client
    client.close()
    server.stop()


def test_a_model_is_read_from_s3_and_stays_there(s3: tuple[str, Any], tmp_path: Path) -> None:
    """With an s3:// model_path the image holds no model; the server finds the store through AWS_ENDPOINT_URL_S3."""
    url, client = s3
    project = tmp_path / "onnx-iris"
    shutil.copytree(ROOT / "examples/onnx-iris", project, ignore=shutil.ignore_patterns("cxpack.out", "cdk.*"))
    text = (project / "cortex.yaml").read_text()
    [local] = [line.split()[1] for line in text.splitlines() if line.strip().startswith("model_path:")]
    client.create_bucket(Bucket=BUCKET)
    for file in (project / local).rglob("*.onnx"):
        client.upload_file(str(file), BUCKET, f"iris/{file.relative_to(project / local)}")
    shutil.rmtree(project / local)
    (project / "cortex.yaml").write_text(text.replace(local, f"s3://{BUCKET}/iris/"))
    checked = check(project / "cortex.yaml")
    assert checked.ok, [str(problem) for problem in checked.problems]
    written = synth(checked, project / "cxpack.out")
    [api] = written.manifest.apis
    assert [(grant.bucket, grant.prefix) for grant in api.s3_read] == [(BUCKET, "iris/")]
    assert not list(written.out.rglob("*.onnx"))
    environment = {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "CXPACK_MODEL_STORE": str(tmp_path / "store"),
        "CXPACK_SETTLE_SECONDS": "0",
    }
    with serving(written.out / api.name, **environment) as server:
        response = server.client.post(api.endpoint, content=(project / "request.json").read_bytes(), headers=JSON)
    assert (response.status_code, content(response)) == (200, json.loads((project / "expected.json").read_text()))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """AWS on loopback, bootstrapped for the CDK."""
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        server.cdk(tmp_path_factory.mktemp("bootstrap"), "bootstrap", "aws://123456789012/us-east-1")
        yield server


def all_examples(folder: Path) -> Path:
    """The cortex.yaml of one project with the APIs of every example, each example in a folder of its name."""
    entries, requirements = [], set[str]()
    for example in EXAMPLES:
        source = ROOT / "examples" / example
        shutil.copytree(source, folder / example, ignore=shutil.ignore_patterns("cxpack.out", "cdk.*", "cortex.yaml"))
        if (source / "requirements.txt").exists():
            requirements |= set((source / "requirements.txt").read_text().splitlines())
        for entry in yaml.safe_load((source / "cortex.yaml").read_text()):
            predictor = entry["predictor"]
            for section, key in ((predictor, "path"), (predictor, "model_path"), (predictor.get("models", {}), "dir")):
                if key in section:
                    section[key] = f"{example}/{section[key]}"
            entries.append(entry)
    (folder / "requirements.txt").write_text("\n".join(sorted(requirements)))
    (folder / "cortex.yaml").write_text(yaml.safe_dump(entries))
    return folder / "cortex.yaml"


def change(file: Path, name: str, **sections: Any) -> None:
    """Set sections of one API in a cortex.yaml, or take the API out when there are none."""
    entries = [entry for entry in yaml.safe_load(file.read_text()) if sections or entry["name"] != name]
    for entry in entries:
        if entry["name"] == name:
            entry.update(sections)
    file.write_text(yaml.safe_dump(entries))


def synthesize(file: Path) -> Manifest:
    """`cxpack synth`, its progress unsaid."""
    checked = check(file)
    assert checked.ok, [str(problem) for problem in checked.problems]
    return synth(checked, file.parent / "cxpack.out").manifest


def assets_of(project: Path) -> dict[str, set[str]]:
    """Stack -> hashes of the images and files that it was last deployed with, its template left out."""
    return {
        path.name.removesuffix(".assets.json"): {
            name
            for kind in ("dockerImages", "files")
            for name, asset in json.loads(path.read_text())[kind].items()
            if not asset["source"].get("path", "").endswith(".template.json")
        }
        for path in (project / "cdk.out").glob("*.assets.json")
    }


def resources_of(aws: Aws, stack: str) -> Any:
    """What the stack is made of, as CloudFormation has it."""
    template = aws.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    return (template if isinstance(template, dict) else json.loads(template))["Resources"]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.xdist_group("cdk")
def test_all_examples_are_deployed_changed_brought_back_and_removed(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change touches one stack and one image; the template before brings back what there was; nothing is left at the end."""
    project = tmp_path / "shop"
    file = all_examples(project)
    manifest = synthesize(file)
    aws.deploy(project)
    names = {"shared", *(api.name for api in manifest.apis)}
    assert aws.stacks() == {f"shop-dev-{name}": "CREATE_COMPLETE" for name in names}
    functions = [api.name for api in manifest.apis if api.target == "lambda"]
    assert len(aws.client("lambda").list_functions()["Functions"]) == len(functions)
    assert len(aws.images_built()) == len(manifest.apis) == 6
    before, assets = {stack: resources_of(aws, stack) for stack in aws.stacks()}, assets_of(project)

    changed = "shop-dev-onnx-iris"
    change(file, "onnx-iris", compute={"cpu": 1, "mem": "2G"}, monitoring={"model_type": "classification"})
    synthesize(file)
    aws.deploy(project)
    assert {stack for stack, status in aws.stacks().items() if status != "CREATE_COMPLETE"} == {changed}
    assert {stack for stack in before if resources_of(aws, stack) != before[stack]} == {changed}
    assert {stack for stack, hashes in assets_of(project).items() if hashes != assets[stack]} == {changed}
    assert len(aws.images_built()) == 6 + 1

    deploys = aws.client("ssm").get_parameter_history(Name="/cxpack/shop/dev/templates/onnx-iris")["Parameters"]
    first, second = (deploy["Value"] for deploy in deploys)
    aws.client("cloudformation").update_stack(StackName=changed, TemplateURL=first, Capabilities=["CAPABILITY_NAMED_IAM"])
    assert resources_of(aws, changed) == before[changed]
    assert {function["MemorySize"] for function in aws.client("lambda").list_functions()["Functions"]} == {512}
    assert aws.client("ssm").get_parameter(Name="/cxpack/shop/dev/templates/onnx-iris")["Parameter"]["Value"] == first != second

    change(file, "multi-model")
    monkeypatch.chdir(project)
    for variable in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(variable, aws.environment[variable])
    assert main(["get", "multi-model", "--format", "json"]) == 0
    [gone] = json.loads(capsys.readouterr().out)
    assert (gone["in_file"], gone["stack"], gone["status"]) == (False, "shop-dev-multi-model", "CREATE_COMPLETE")
    assert main(["delete", "multi-model", "--yes"]) == 0
    assert set(aws.stacks()) == set(before) - {"shop-dev-multi-model"}

    aws.destroy(project)
    assert aws.stacks() == {}
    assert not aws.client("lambda").list_functions()["Functions"]
    assert all(vpc["IsDefault"] for vpc in aws.client("ec2").describe_vpcs()["Vpcs"])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.xdist_group("cdk")
def test_a_users_own_cdk_app_folder_does_not_shadow_ours(aws: Aws, tmp_path: Path) -> None:
    """The cdk.json that synth writes runs this package, whatever the project calls its folders."""
    hers = "raise SystemExit('yours')\n"
    file = a_project(tmp_path / "shop", cdk_app____main___dot_py=hers, packager____init___dot_py=hers)
    synth(check(file), file.parent / "cxpack.out")
    aws.cdk(file.parent, "synth", "--quiet")
    assert (file.parent / "cdk.out/shop-dev-echo.template.json").exists()
