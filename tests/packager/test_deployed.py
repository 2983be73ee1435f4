"""The commands that speak of deployed APIs, against a server that speaks AWS's API."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

import tests.cdk_app.aws  # noqa: F401 - teaches the server to keep the history of a parameter
from packager.cli import main
from packager.deployed.logs import Tail
from packager.deployed.stacks import deployed_apis
from packager.deployed.templates import history, previous
from tests.builders import a_project, an_api

REGION = "eu-west-1"


class Account:
    """An account on loopback with CDK's bootstrap bucket, and API stacks that are two SSM parameters each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client("s3").create_bucket(Bucket="bootstrap", CreateBucketConfiguration={"LocationConstraint": REGION})

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.url, region_name=REGION)

    def template(self, stack: str, value: str, logs: str, url: str, splits: str = "") -> str:
        """The text of a template, stored where `cdk deploy` stores it, with the address that the CDK app puts into it."""
        project, environment, api = stack.split("-", 2)
        address = f"https://s3.{REGION}.amazonaws.com/bootstrap/{value}.json"
        history = f"/cxpack/{project}/{environment}/templates/{api}"
        resources = {
            logical: {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": content}}
            for logical, name, content in (("P", stack, value), ("TemplateParameter", history, address))
        }
        if logs:
            resources["Logs"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": logs}}
        outputs = {"Url": {"Value": url or f"http://127.0.0.1:9/{value}"}, "Cost": {"Value": f"${len(value)} a month"}}
        if splits:
            outputs["Splits"] = {"Value": splits}
        text = json.dumps({"Resources": resources, "Outputs": outputs})
        self.client("s3").put_object(Bucket="bootstrap", Key=f"{value}.json", Body=text)
        return text

    def deploy(self, stack: str, value: str, *, logs: str = "", url: str = "", splits: str = "", **tags: str) -> None:
        """Create or update a stack as `cdk deploy` does; `logs` names its log group, `url` is where its API is.

        `splits`: the APIs behind a splitter.
        """
        arguments = {"StackName": stack, "TemplateBody": self.template(stack, value, logs, url, splits)}
        cloudformation = self.client("cloudformation")
        try:
            cloudformation.update_stack(**arguments)
        except cloudformation.exceptions.ClientError:
            cloudformation.create_stack(**arguments, Tags=tags_of(stack, **tags))


def tags_of(stack: str, **tags: str) -> list[dict[str, str]]:
    """The tags that the CDK app gives a stack, by its name, where `tags` do not say otherwise; the shared one is no API's."""
    project, environment, api = stack.split("-", 2)
    told = {"project": project, "environment": environment, **({} if api == "shared" else {"api": api}), **tags}
    return [{"Key": f"cxpack:{key}", "Value": value} for key, value in told.items()]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The account that boto3 finds in the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
    for name, value in {**credentials, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{url}/moto-api/reset").raise_for_status()  # accounts live as long as the process that serves them
    yield Account(url)
    server.stop()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the APIs `one` and `two`, as the current folder."""
    a_project(tmp_path / "shop", an_api("one") + an_api("two"))
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_get_shows_the_file_and_the_account_side_by_side(
    account: Account, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deployed, not deployed, deployed but no longer in the file; other projects and environments stay out of it."""
    account.deploy("shop-dev-one", "v1")
    account.deploy("shop-dev-old", "v0")
    account.deploy("shop-dev-shared", "s")
    account.deploy("shop-prod-one", "p")
    account.deploy("shop-dev-theirs", "x", project="else")
    assert main(["get"]) == 0
    header, old, one, two = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["api", "status", "version", "updated", "cost", "url"]
    assert old[:6] == ["old", "CREATE_COMPLETE", "(not", "in", "the", "file)"]
    assert (one[:2], one[-4:]) == (["one", "CREATE_COMPLETE"], ["$2", "a", "month", "http://127.0.0.1:9/v1"])
    assert two[:3] == ["two", "not", "deployed"]
    assert main(["get", "one", "--format", "json"]) == 0
    told = capsys.readouterr()
    [entry] = json.loads(told.out)
    assert (entry["name"], entry["stack"], entry["in_file"], entry["cost"]) == ("one", "shop-dev-one", True, "$2 a month")
    assert entry["models"] is None
    assert "note: the models of one are not shown: http://127.0.0.1:9/v1 does not answer" in told.err


def test_environments_of_one_account_stay_apart(account: Account, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever stacks are called: those of dev-blue begin as those of dev do, and are nothing that dev could delete."""
    account.deploy("shop-dev-blue-green", "v1")
    account.deploy("shop-dev-blue-iris", "v2", environment="dev-blue", api="iris")
    account.client("cloudformation").create_stack(
        StackName="shop-dev-blue-shared",
        TemplateBody=account.template("shop-dev-blue-shared", "s", "", ""),
        Tags=tags_of("shop-dev-shared", environment="dev-blue"),
    )

    def names(environment: str) -> list[str]:
        return [api.name for api in deployed_apis("shop", environment)]

    assert (names("dev"), names("dev-blue")) == (["blue-green"], ["iris"])
    for api in ("blue-iris", "blue-shared"):
        assert main(["delete", api, "--yes"]) == 1
    assert "there are: blue-green" in capsys.readouterr().err
    assert names("dev-blue") == ["iris"]


def test_get_knows_apis_that_have_errors(account: Account, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are in the file, whatever is wrong with them, which is said beside the list."""
    account.deploy("shop-dev-one", "v1")
    account.deploy("shop-dev-old", "v0")
    batch = an_api("nightly").replace("- name: nightly\n", "- name: nightly\n  kind: BatchAPI\n")
    (shop / "cortex.yaml").write_text(an_api("one", compute="{cpus: 1}") + an_api("two") + batch + "- 7\n")
    assert main(["get"]) == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()[1:]] == ["old", "one", "two"]
    assert ["(not in the file)" in line for line in told.out.splitlines()[1:]] == [True, False, False]
    assert 'cortex.yaml:5: apis[0].compute.cpus: unknown key; did you mean "cpu"?' in told.err


@pytest.mark.parametrize("text", [None, "- name: ["])
def test_get_says_that_it_cannot_read_the_file(
    account: Account, shop: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """And does not say of an API that the file lacks it."""
    account.deploy("shop-dev-one", "v1")
    (shop / "cortex.yaml").unlink()
    if text is not None:
        (shop / "cortex.yaml").write_text(text)
    assert main(["get"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("cortex.yaml")
    assert ("no such file" in told.err) is (text is None)
    assert "not in the file" not in told.out
    assert main(["get", "--format", "json"]) == 0
    assert [entry["in_file"] for entry in json.loads(capsys.readouterr().out)] == [None]


class _Says(BaseHTTPRequestHandler):
    """An API that answers every GET alike."""

    answer: ClassVar[tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def says() -> Iterator[tuple[str, type[_Says]]]:
    """The address of an API, and what answers there."""
    kind = type("Says", (_Says,), {})
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/one", kind
        server.shutdown()


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        (
            {"iris": {"versions": ["-1", "10"], "timestamps": [0, 86400]}},
            [["iris", "-1", "1970-01-01", "00:00", "UTC"], ["iris", "10", "1970-01-02", "00:00", "UTC"]],
        ),
        ({"my-net-7": {"timestamp": 60}, "m--1": {"timestamp": 0}}, [["my-net", "7"], ["m", "-1"]]),
        ({"_cortex_default": {"versions": ["1"], "timestamps": [0]}}, [["1", "1970-01-01"]]),
        ({}, []),
    ],
    ids=["versions", "tensorflow", "one model", "none"],
)
def test_get_of_one_api_shows_its_models(
    account: Account,
    shop: Path,
    capsys: pytest.CaptureFixture[str],
    says: tuple[str, type[_Says]],
    metadata: dict[str, object],
    shown: list[list[str]],
) -> None:
    """Names, versions and the times of their files, as the API tells them of itself; the name of the one model is ours."""
    url, kind = says
    kind.answer = 200, json.dumps({"message": "make a prediction", "model_metadata": metadata}).encode()
    account.deploy("shop-dev-one", "v1", url=url)
    assert main(["get", "one"]) == 0
    told = capsys.readouterr()
    assert [line.split()[: len(row)] for line, row in zip(told.out.splitlines()[4:], shown, strict=True)] == shown
    assert main(["get", "one", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["models"]) == len(shown)
    assert told.err == ""


@pytest.mark.parametrize(
    ("answer", "reason"),
    [((403, b"{}"), "answered 403 Forbidden"), ((200, b"<html>"), "answered something else"), ((200, b"[]"), "something else")],
)
def test_get_goes_without_models_that_it_cannot_ask_for(
    account: Account,
    shop: Path,
    capsys: pytest.CaptureFixture[str],
    says: tuple[str, type[_Says]],
    answer: tuple[int, bytes],
    reason: str,
) -> None:
    """An API behind authorization, or that is none of ours, is shown without them, and the reason is said."""
    url, kind = says
    kind.answer = answer
    account.deploy("shop-dev-one", "v1", url=url)
    assert main(["get", "one"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert reason in told.err


def test_rollback_goes_to_the_template_before_the_current_one(
    account: Account, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--list shows where one is, newest first; going back twice goes further back; --to chooses any."""
    account.deploy("shop-dev-one", "v1")
    account.deploy("shop-dev-one", "v2")
    account.deploy("shop-dev-one", "v3")
    assert main(["rollback", "one", "--list"]) == 0
    current, *older = capsys.readouterr().out.splitlines()
    assert ("current" in current, current.endswith("v3.json")) == (True, True)
    assert [line.rpartition("/")[2] for line in older] == ["v2.json", "v1.json"]
    assert main(["rollback", "one"]) == 0
    assert account.client("ssm").get_parameter(Name="shop-dev-one")["Parameter"]["Value"] == "v2"
    assert main(["rollback", "one"]) == 0
    assert "rolled back one" in capsys.readouterr().out
    assert account.client("ssm").get_parameter(Name="shop-dev-one")["Parameter"]["Value"] == "v1"
    assert main(["rollback", "one", "--to", current.split()[-1]]) == 0
    assert account.client("ssm").get_parameter(Name="shop-dev-one")["Parameter"]["Value"] == "v3"


def test_rollback_without_an_earlier_template_says_so(account: Account, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is updated."""
    account.deploy("shop-dev-one", "v1")
    assert main(["rollback", "one"]) == 1
    assert "has no template from before its current one" in capsys.readouterr().err


def test_delete_wants_a_yes_and_then_waits_for_the_end(account: Account, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody can be asked, --yes must stand; an unknown name lists the known ones."""
    account.deploy("shop-dev-one", "v1")
    assert main(["delete", "one"]) == 1
    assert main(["delete", "nine", "--yes"]) == 1
    assert "no API nine is deployed; there are: one" in capsys.readouterr().err
    assert main(["delete", "one", "--yes"]) == 0
    assert capsys.readouterr().out == "deleted one\n"
    assert main(["get", "one", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] is None


def test_an_api_that_a_splitter_needs_is_not_deleted(account: Account, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CloudFormation would fail half-way, or the splitter send requests nowhere; the splitter itself can always go."""
    for api in ("one", "two", "three"):
        account.deploy(f"shop-dev-{api}", "v1")
    account.deploy("shop-prod-one", "v1")
    account.deploy("shop-dev-half", "v1", splits="one,two")
    account.deploy("shop-dev-all", "v1", splits="two")
    assert main(["delete", "one", "--yes"]) == 1
    assert "one cannot be deleted while requests are split to it by half; delete half first" in capsys.readouterr().err
    assert main(["delete", "two", "--yes"]) == 1
    assert "split to it by all and half" in capsys.readouterr().err
    assert main(["delete", "three", "--yes"]) == 0
    assert main(["delete", "one", "--env", "prod", "--yes"]) == 0
    assert main(["delete", "half", "--yes"]) == 0
    assert main(["delete", "one", "--yes"]) == 0
    assert [api.name for api in deployed_apis("shop", "dev")] == ["all", "two"]


@pytest.mark.parametrize("group", ["/cxpack/shop-dev/one", "/aws/sagemaker/Endpoints/shop-dev-one"])
def test_logs_prints_what_the_api_wrote(account: Account, shop: Path, capsys: pytest.CaptureFixture[str], group: str) -> None:
    """The lines of the log group that the stack has, wherever its target writes, in order; no stack is one sentence."""
    assert main(["logs", "one"]) == 1
    assert capsys.readouterr().err.startswith("error: shop-dev-one: ")
    account.deploy("shop-dev-one", "v1", logs=group)
    logs = account.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 2000, "message": "first"}, {"timestamp": now - 1000, "message": "second"}]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    assert main(["logs", "one"]) == 0
    assert capsys.readouterr().out == "first\nsecond\n"


def test_predict_by_name_asks_the_stack_for_the_address(account: Account, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name is never guessed into a URL: an unknown one lists what is deployed."""
    account.deploy("shop-dev-one", "v1")
    (shop / "body.json").write_text("{}")
    assert main(["predict", "two", "body.json"]) == 1
    assert "no API two of shop-dev is deployed; there are: one" in capsys.readouterr().err


def test_without_aws_every_command_says_one_sentence(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No credentials, nobody at the endpoint: no traceback."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    (shop / "body.json").write_text("{}")
    for command in (["get"], ["logs", "one"], ["rollback", "one"], ["delete", "one", "-y"], ["predict", "one", "body.json"]):
        assert main(command) == 1
        assert "Could not connect to the endpoint URL" in capsys.readouterr().err


def test_a_tail_gives_late_lines_once() -> None:
    """CloudWatch shows a line late and out of order: it is printed when it appears, and no line twice."""
    stored: list[tuple[int, str, str]] = [(1000, "a", "first")]
    tail = Tail("g", 500, lambda _group, since: iter(sorted(line for line in stored if line[0] >= since)))
    assert tail.tick() == ["first"]
    stored += [(2000, "c", "third"), (900, "b", "late")]
    assert tail.tick() == ["late", "third"]
    assert tail.tick() == []


def test_the_previous_template_is_the_newest_that_was_not_left() -> None:
    """What a rollback, ours or CloudFormation's of a failed update, went back from is not gone back to."""

    def before(deploys: str) -> str | None:
        found = previous(history([(datetime(2026, 1, day, tzinfo=UTC), url) for day, url in enumerate(deploys, start=1)]))
        return found and found.url

    assert before("a") is None
    assert before("ab") == "a"
    assert before("aba") is None
    assert before("abcb") == "a"
    assert before("abac") == "a"
    assert before("abcbd") == "b"
    assert before("abab") == "a"


@pytest.mark.parametrize("region", [REGION, None], ids=["no credentials", "no region"])
def test_who_has_not_said_which_account_is_told_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], region: str | None
) -> None:
    """The first command on a new laptop."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it has found credentials in other tests
    if region is not None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert main(["get", "--file", str(a_project(tmp_path))]) == 1
    assert "run `aws configure`, or set AWS_PROFILE and AWS_DEFAULT_REGION" in capsys.readouterr().err
