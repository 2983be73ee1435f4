"""Traffic splitters: weights over functions and services alike."""

from typing import Any

import pytest

from packager.manifest import ManifestError, ManifestSplitter, Split, Throttle
from tests.cdk_app.rule_packs import lint

RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
ALARM = "AWS::CloudWatch::Alarm"


def test_requests_are_shared_by_weight(everything: Any) -> None:
    """A service gets its share through its own target group, a function through one for its alias."""
    rule = everything.only("split", RULE)
    groups = {str(group["TargetGroupArn"]): group["Weight"] for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]}
    assert sorted(groups.values()) == [20, 80]
    assert groups["{'Ref': 'Function1'}"] == 80
    group = everything.only("split", "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["TargetType"] == "lambda"
    defaults = {parameter.get("Default") for parameter in everything.templates["split"]["Parameters"].values()}
    assert {"/cxpack/p/dev/backends/iris", "/cxpack/p/dev/backends/flowers"} <= defaults


def test_each_api_answers_a_path_that_all_have(everything: Any) -> None:
    """The splitter's endpoint is none of theirs; the load balancer rewrites it."""
    [transform] = everything.only("inside", RULE)["Transforms"]
    assert transform == {
        "Type": "url-rewrite",
        "UrlRewriteConfig": {"Rewrites": [{"Regex": r"^/inside\.v1", "Replace": "/"}]},
    }


def test_a_splitter_is_deployed_after_its_apis_and_has_a_url(everything: Any) -> None:
    """Through the HTTP API when it is public, at the load balancer when it is not."""
    assert everything.only("split", "AWS::ApiGatewayV2::Route")["RouteKey"] == "ANY /split"
    assert not everything.of_type("inside", "AWS::ApiGatewayV2::Route")
    assert "Url" in everything.templates["inside"]["Outputs"]
    stack = everything.app.node.find_child("p-dev-split")
    assert {one.stack_name for one in stack.dependencies} == {"p-dev-shared", "p-dev-iris", "p-dev-flowers"}


@pytest.mark.parametrize("throttle", [None, Throttle(rate=1, burst=2)], ids=["the project's HTTP API", "one of its own"])
def test_calls_of_a_splitter_wake_the_services_behind_it(synthesize: Any, api_of: Any, throttle: Throttle | None) -> None:
    """Those that may sleep and get a share, by the calls of the splitter's route, which its HTTP API counts therefore."""
    asleep = api_of().scaling._replace(min_replicas=0)
    apis = [api_of(name, "fargate", scaling=asleep) for name in ("sleepy", "dozing", "unused")]
    shares = (("sleepy", 50), ("awake", 20), ("dozing", 30), ("unused", 0))
    splits = tuple(Split(name=name, weight=weight) for name, weight in shares)
    splitter = ManifestSplitter(name="split", endpoint="/split", splits=splits, throttle=throttle)
    made = synthesize(*apis, api_of("awake", "fargate"), splitters=(splitter,))
    alarms = made.of_type("split", ALARM)
    parameters = made.templates["split"]["Parameters"]
    woken = [parameters[alarm["AlarmActions"][0]["Ref"]]["Default"] for alarm in alarms.values()]
    assert woken == ["/cxpack/p/dev/waking/sleepy", "/cxpack/p/dev/waking/dozing"]
    for name, alarm in zip(("sleepy", "dozing"), alarms.values(), strict=True):
        inputs = {query["Id"]: query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query}
        called = {dimension["Name"]: dimension["Value"] for dimension in inputs["called_post"]["Dimensions"]}
        assert (called["Resource"], called["ApiId"]) == ("/split", {"Ref": "HttpApi" if throttle else "HttpApiId"})
        assert inputs["replicas"]["Dimensions"] == [{"Name": "APIName", "Value": f"p-dev-{name}"}]
        told = made.of_type(name, "AWS::SSM::Parameter")["WakingParameter"]
        assert told["Value"] == {"Fn::GetAtt": ["Waking", "Arn"]}
    stage = made.only("split" if throttle else "shared", "AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"]["DetailedMetricsEnabled"] is True
    assert not any("WakingParameter" in made.of_type(name, "AWS::SSM::Parameter") for name in ("awake", "unused"))
    assert not lint(made.templates)


def test_a_splitter_inside_the_network_wakes_nobody(synthesize: Any, api_of: Any) -> None:
    """It has no route, and no call of it is counted; `check` refuses it before a service that sleeps."""
    asleep = api_of().scaling._replace(min_replicas=0)
    splitter = ManifestSplitter(name="split", endpoint="/split", splits=(Split(name="sleepy", weight=100),), public=False)
    made = synthesize(api_of("sleepy", "fargate", scaling=asleep), splitters=(splitter,))
    assert not made.of_type("split", ALARM)
    assert "WakingParameter" not in made.of_type("sleepy", "AWS::SSM::Parameter")


def test_a_splitter_says_which_apis_it_needs(everything: Any) -> None:
    """`cxpack delete` leaves those alone; other stacks have no such output."""
    said = {stack: template["Outputs"].get("Splits", {}).get("Value") for stack, template in everything.templates.items()}
    assert {stack: names for stack, names in said.items() if names} == {"split": "iris,flowers", "inside": "iris"}


def test_only_apis_that_are_split_tell_where_they_are(everything: Any) -> None:
    """A splitter adds one parameter to the stacks of its APIs, and changes no other."""
    telling = [stack for stack in everything.templates if "BackendParameter" in everything.templates[stack]["Resources"]]
    assert telling == ["flowers", "iris"]


def test_a_splitter_to_nowhere_is_one_sentence(synthesize: Any, api_of: Any) -> None:
    """A manifest that was edited by hand says which API is missing."""
    splitter = ManifestSplitter(name="split", endpoint="/split", splits=(Split(name="gone", weight=100),))
    with pytest.raises(ManifestError, match="split splits to gone"):
        synthesize(api_of(), splitters=(splitter,))
