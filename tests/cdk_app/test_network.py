"""The load balancer that ECS services and splitters share."""

from typing import Any

from packager.grammar import SECTIONS, walk
from packager.quantities import Duration
from runtime_handler.entrypoints.process import KEEP_ALIVE_S


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
