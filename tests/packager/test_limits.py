"""Limits of the gateway and of the load balancer are said by check, before anybody runs into them."""

from pathlib import Path

import pytest

from cdk_app.settings import Settings, SettingsError
from packager.check import check
from packager.function_limits import LONGEST_PREFIX
from packager.synth import project_name
from tests.builders import a_project, an_api


def found(folder: Path, text: str, code: str) -> list[tuple[str, str | None, int | None]]:
    checked = check(a_project(folder, text))
    assert checked.ok, [str(problem) for problem in checked.problems]
    return [(problem.severity, problem.path, problem.line) for problem in checked.problems if problem.code == code]


def errors(folder: Path, text: str) -> list[tuple[str, str, int | None]]:
    problems = check(a_project(folder, text)).problems
    return [(problem.code, problem.path, problem.line) for problem in problems if problem.severity == "error"]


def test_a_timeout_beyond_the_gateways_is_a_warning(tmp_path: Path) -> None:
    """The HTTP API answers first; past it, the function's own timeout holds."""
    public = an_api(deploy="{timeout: 60s}")
    private = an_api(deploy="{timeout: 60s}", networking="{api_gateway: none}")
    assert found(tmp_path / "a", public, "deploy.gateway_timeout") == [("warning", "apis[0].deploy.timeout", 5)]
    assert found(tmp_path / "b", private, "deploy.gateway_timeout") == []
    assert found(tmp_path / "c", an_api(deploy="{timeout: 30s}"), "deploy.gateway_timeout") == []


@pytest.mark.parametrize("gateway", ["public", "none"])
def test_who_ends_a_request_to_a_service_depends_on_the_door(tmp_path: Path, gateway: str) -> None:
    """Both are named where a timeout is written; the gateway's own warning is for those behind it."""
    text = an_api(deploy="{target: ecs, timeout: 600s}", networking=f"{{api_gateway: {gateway}}}")
    problems = check(a_project(tmp_path, text)).problems
    [how] = [problem.message for problem in problems if problem.code == "cxpack.approximated"]
    assert "the HTTP API after 30 s, or, with api_gateway: none, the load balancer after 900 s" in how
    waits = [problem.message for problem in problems if problem.code == "deploy.gateway_timeout"]
    assert ["past it, with api_gateway: none, there is time for that" in message for message in waits] == [True] * (
        gateway == "public"
    )


def test_a_function_behind_a_splitter_has_small_bodies(tmp_path: Path) -> None:
    """Said of the split that runs on Lambda, and not of the one on ECS."""
    splitter = "- name: split\n  kind: TrafficSplitter\n  apis:\n    - {name: one, weight: 50}\n    - {name: two, weight: 50}\n"
    apis = an_api("one") + an_api("two", deploy="{target: ecs}")
    assert found(tmp_path / "a", apis + splitter, "deploy.split_payload") == [("warning", "apis[2].apis[0].name", 13)]


def test_nobody_checks_tokens_past_the_gateway(tmp_path: Path) -> None:
    """An API that would be open to more callers than its file says is refused; a function's own URL wants signatures itself."""
    inside = "{api_gateway: none}"
    jwt = "auth: {type: jwt, issuer: 'https://i.example', audience: [a]}"
    for number, (deploy, refused) in enumerate(
        [
            (f"{{{jwt}}}", True),
            (f"{{{jwt}, target: ecs}}", True),
            ("{auth: iam}", False),
            ("{auth: iam, target: ecs}", True),
            ("{auth: none, target: ecs}", False),
        ]
    ):
        checked = check(a_project(tmp_path / str(number), an_api(deploy=deploy, networking=inside)))
        errors = [(problem.code, problem.line) for problem in checked.problems if problem.severity == "error"]
        assert errors == ([("deploy.auth_without_gateway", 5)] if refused else []), deploy
        assert check(a_project(tmp_path / f"public-{number}", an_api(deploy=deploy))).ok


def test_a_throttle_past_the_gateway_is_left_out_with_a_warning(tmp_path: Path) -> None:
    """Nothing counts the requests there."""
    text = an_api(deploy="{throttle: {rate: 1, burst: 1}}", networking="{api_gateway: none}")
    assert found(tmp_path, text, "deploy.throttle_without_gateway") == [("warning", "apis[0].deploy.throttle", 5)]


def test_reservations_beyond_the_accounts_concurrency_are_a_warning(tmp_path: Path) -> None:
    """AWS may have raised the quota; said once, where the sum goes past it. Services reserve none."""

    def reserving(*amounts: int, target: str = "auto") -> str:
        deploys = [f"{{reserved_concurrency: {amount}, target: {target}}}" for amount in amounts]
        return "".join(an_api(f"api-{number}", deploy=deploy) for number, deploy in enumerate(deploys))

    code = "deploy.reserved_above_account"
    assert found(tmp_path / "a", reserving(900), code) == []
    assert found(tmp_path / "b", reserving(901), code) == [("warning", "apis[0].deploy.reserved_concurrency", 5)]
    assert found(tmp_path / "c", reserving(450, 451, 10), code) == [("warning", "apis[1].deploy.reserved_concurrency", 10)]
    assert found(tmp_path / "d", reserving(5000, target="ecs"), code) == []


def test_waking_a_service_takes_minutes(tmp_path: Path) -> None:
    """Said where a service may have no replica; a function starts within the call."""
    asleep = "{min_replicas: 0}"
    at = [("note", "apis[0].autoscaling.min_replicas", 5)]
    assert found(tmp_path / "a", an_api(autoscaling=asleep, deploy="{target: ecs}"), "deploy.waking") == at
    assert found(tmp_path / "b", an_api(autoscaling=asleep), "deploy.waking") == []
    assert found(tmp_path / "c", an_api(deploy="{target: ecs}"), "deploy.waking") == []
    checked = check(a_project(tmp_path / "d", an_api(autoscaling=asleep, compute="{gpu: 1}")))
    [note] = [problem.message for problem in checked.problems if problem.code == "deploy.waking"]
    assert "several minutes" in note


@pytest.mark.parametrize(
    ("target", "weight", "gateway", "refused"),
    [("ecs", 30, "none", True), ("ecs", 0, "none", False), ("ecs", 30, "public", False), ("lambda", 30, "none", False)],
)
def test_a_splitter_that_nobody_can_count_wakes_nobody(
    tmp_path: Path, target: str, weight: int, gateway: str, refused: bool
) -> None:
    """A service without replicas behind a splitter inside the network would answer 503 for ever; the split is named."""
    apis = an_api("awake") + an_api("asleep", autoscaling="{min_replicas: 0}", deploy=f"{{target: {target}}}")
    shares = f"    - {{name: awake, weight: {100 - weight}}}\n    - {{name: asleep, weight: {weight}}}\n"
    splitter = f"- name: split\n  kind: TrafficSplitter\n  networking: {{api_gateway: {gateway}}}\n  apis:\n{shares}"
    assert errors(tmp_path, apis + splitter) == ([("deploy.cannot_wake", "apis[2].apis[1].name", 16)] if refused else [])


@pytest.mark.parametrize(("target", "refused"), [("lambda", True), ("auto", True), ("ecs", False)])
def test_references_of_secrets_have_room_in_a_functions_variables(tmp_path: Path, target: str, refused: bool) -> None:
    """Lambda measures all variables as one JSON object; ECS resolves secrets itself."""

    def secrets(count: int) -> str:
        arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-name-of-some-length-{:02}-AbCdEf"
        references = ", ".join(f"SECRET_{number}: '{arn.format(number)}'" for number in range(count))
        return an_api(deploy=f"{{target: {target}, secrets: {{{references}}}}}")

    at = [("deploy.function_secrets", "apis[0].deploy.secrets", 5)]
    assert errors(tmp_path / "a", secrets(37)) == []
    assert errors(tmp_path / "b", secrets(38)) == (at if refused else [])


def test_the_longest_name_of_metrics_has_room_as_well() -> None:
    """Of a project in a folder with a long name that does not begin with a letter, in the environment with the longest."""
    longest = f"{project_name(Path('/' + '1' * 50))}-{'e' * 32}-"
    assert len(longest) == LONGEST_PREFIX
    assert Settings.of({"cxpack:env": "e" * 32}).environment == "e" * 32
    with pytest.raises(SettingsError):
        Settings.of({"cxpack:env": "e" * 33})


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ("strategy: canary, interval: 33h", False),
        ("strategy: canary, interval: 34h", True),
        ("strategy: linear, percent: 50, interval: 33h", False),
        ("strategy: linear, percent: 10, interval: 3h", False),
        ("strategy: linear, percent: 10, interval: 4h", True),
        ("strategy: linear, percent: 1", False),
        ("strategy: all_at_once, interval: 100h", False),
    ],
)
def test_traffic_moves_before_cloudformation_gives_up(tmp_path: Path, steps: str, refused: bool) -> None:
    """From the first step to the last; an ECS service knows no steps."""
    at = [("deploy.function_rollout", "apis[0].deploy.rollout.interval", 5)]
    assert errors(tmp_path / "a", an_api(deploy=f"{{rollout: {{{steps}}}}}")) == (at if refused else [])
    assert errors(tmp_path / "b", an_api(deploy=f"{{target: ecs, rollout: {{{steps}}}}}")) == []


def test_endpoints_behind_the_load_balancer_are_short(tmp_path: Path) -> None:
    """Those of services and of splitters are conditions of its rules; functions are routed by the HTTP API."""

    def at(length: int) -> str:
        return f"{{endpoint: /{'e' * (length - 1)}}}"

    code = "deploy.balanced_endpoint"
    assert errors(tmp_path / "a", an_api(networking=at(1000))) == []
    assert errors(tmp_path / "b", an_api(networking=at(128), deploy="{target: ecs}")) == []
    at_key = [(code, "apis[0].networking.endpoint", 5)]
    assert errors(tmp_path / "c", an_api(networking=at(129), deploy="{target: ecs}")) == at_key
    splitter = f"- name: split\n  kind: TrafficSplitter\n  networking: {at(129)}\n  apis: [{{name: echo, weight: 100}}]\n"
    assert errors(tmp_path / "d", an_api() + splitter) == [(code, "apis[1].networking.endpoint", 7)]


@pytest.mark.parametrize(("count", "refused"), [(5, False), (6, True)])
def test_a_splitter_has_as_many_apis_as_a_rule_has_target_groups(tmp_path: Path, count: int, refused: bool) -> None:
    """AWS raises that number for nobody."""
    names = [f"api-{number}" for number in range(count)]
    weights = [100 - 10 * (count - 1), *[10] * (count - 1)]
    apis = ", ".join(f"{{name: {name}, weight: {weight}}}" for name, weight in zip(names, weights, strict=True))
    text = "".join(map(an_api, names)) + f"- name: split\n  kind: TrafficSplitter\n  apis: [{apis}]\n"
    path = f"apis[{count}].apis"
    assert errors(tmp_path, text) == ([("deploy.too_many_splits", path, 4 * count + 3)] if refused else [])
