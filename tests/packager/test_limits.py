"""Limits of the gateway and of the load balancer are said by check, before anybody runs into them."""

from pathlib import Path

from packager.check import check
from tests.builders import a_project, an_api


def found(folder: Path, text: str, code: str) -> list[tuple[str, str | None, int | None]]:
    checked = check(a_project(folder, text))
    assert checked.ok, [str(problem) for problem in checked.problems]
    return [(problem.severity, problem.path, problem.line) for problem in checked.problems if problem.code == code]


def test_a_timeout_beyond_the_gateways_is_a_warning(tmp_path: Path) -> None:
    """The HTTP API answers first; past it, the function's own timeout holds."""
    public = an_api(deploy="{timeout: 60s}")
    private = an_api(deploy="{timeout: 60s}", networking="{api_gateway: none}")
    assert found(tmp_path / "a", public, "deploy.gateway_timeout") == [("warning", "apis[0].deploy.timeout", 5)]
    assert found(tmp_path / "b", private, "deploy.gateway_timeout") == []
    assert found(tmp_path / "c", an_api(deploy="{timeout: 30s}"), "deploy.gateway_timeout") == []


def test_a_function_behind_a_splitter_has_small_bodies(tmp_path: Path) -> None:
    """Said of the split that runs on Lambda, and not of the one on ECS."""
    splitter = "- name: split\n  kind: TrafficSplitter\n  apis:\n    - {name: one, weight: 50}\n    - {name: two, weight: 50}\n"
    apis = an_api("one") + an_api("two", deploy="{target: ecs}")
    assert found(tmp_path / "a", apis + splitter, "deploy.split_payload") == [("warning", "apis[2].apis[0].name", 13)]
