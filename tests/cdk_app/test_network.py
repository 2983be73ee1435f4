"""The load balancer that ECS services and splitters share."""

from typing import Any

from packager.grammar import SECTIONS, walk
from packager.quantities import Duration
from runtime_handler.entrypoints.process import KEEP_ALIVE_S

GROUP = "AWS::EC2::SecurityGroup"


def idle_s(synthesized: Any) -> int:
    balancer = synthesized.only("shared", "AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes = {attribute["Key"]: attribute["Value"] for attribute in balancer["LoadBalancerAttributes"]}
    return int(attributes["idle_timeout.timeout_seconds"])


def test_inside_the_network_an_answer_may_take_as_long_as_any_timeout(everything: Any) -> None:
    """The load balancer waits for the longest `deploy.timeout`; nothing else stands between such a caller and the API."""
    [timeout] = [each.type for path, each in walk(SECTIONS["RealtimeAPI"]) if path == "deploy.timeout"]
    assert isinstance(timeout, Duration)
    assert idle_s(everything) == timeout.range.maximum


def test_the_load_balancer_closes_idle_connections_before_the_runtime(everything: Any) -> None:
    """Or it would send a request into a connection that is being closed, and answer 502."""
    assert idle_s(everything) < KEEP_ALIVE_S


def test_a_project_may_be_called_as_security_groups_are(synthesize: Any, api_of: Any, everything: Any) -> None:
    """EC2 reserves names that begin with sg-; every group has another then, and no two the same."""
    made = synthesize(api_of("iris", "fargate"), api_of("sentiment", "gpu"), project="sg-models")
    stacks = ("shared", "iris", "sentiment")
    names = [group["GroupName"] for stack in stacks for group in made.of_type(stack, GROUP).values()]
    assert len(set(names)) == len(names) == 4
    assert all(name.startswith("cxpack-sg-models-dev-") for name in names)
    assert "GroupName" not in everything.only("flowers", GROUP)
