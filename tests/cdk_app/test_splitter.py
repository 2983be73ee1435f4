"""Traffic splitters: weights over functions and services alike."""

from typing import Any

import pytest

from packager.manifest import ManifestError, ManifestSplitter, Split

RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


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


def test_only_apis_that_are_split_tell_where_they_are(everything: Any) -> None:
    """A splitter adds one parameter to the stacks of its APIs, and changes no other."""
    telling = [stack for stack in everything.templates if "BackendParameter" in everything.templates[stack]["Resources"]]
    assert telling == ["flowers", "iris"]


def test_a_splitter_to_nowhere_is_one_sentence(synthesize: Any, api_of: Any) -> None:
    """A manifest that was edited by hand says which API is missing."""
    splitter = ManifestSplitter(name="split", endpoint="/split", splits=(Split(name="gone", weight=100),))
    with pytest.raises(ManifestError, match="split splits to gone"):
        synthesize(api_of(), splitters=(splitter,))
