"""From an example's cortex.yaml to predictions, with the real servers, emulators and commands on the way."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from packager.check import check
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
    client.create_bucket(Bucket="end-to-end")  # a name of its own: all moto servers of a process share their buckets
    for file in (project / local).rglob("*.onnx"):
        client.upload_file(str(file), "end-to-end", f"iris/{file.relative_to(project / local)}")
    shutil.rmtree(project / local)
    (project / "cortex.yaml").write_text(text.replace(local, "s3://end-to-end/iris/"))
    checked = check(project / "cortex.yaml")
    assert checked.ok, [str(problem) for problem in checked.problems]
    written = synth(checked, project / "cxpack.out")
    [api] = written.manifest.apis
    assert [(grant.bucket, grant.keys) for grant in api.s3_read] == [("end-to-end", ("iris/*",))]
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


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.xdist_group("cdk")
def test_the_real_cdk_deploys_what_synth_wrote(aws: Aws, tmp_path: Path) -> None:
    """`cxpack synth && cdk deploy --all` in the user's folder: stacks complete, functions listed; destroy leaves nothing."""
    out, _ = synthesized("iris-classifier", tmp_path)
    aws.deploy(out.parent)
    names = ("shared", "iris-classifier", "another-iris-classifier")
    assert aws.stacks() == {f"iris-classifier-dev-{name}": "CREATE_COMPLETE" for name in names}
    functions = aws.client("lambda").list_functions()["Functions"]
    assert [function["MemorySize"] for function in functions] == [512, 512]
    assert len(aws.images_built()) == 2
    aws.destroy(out.parent)
    assert aws.stacks() == {}


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
