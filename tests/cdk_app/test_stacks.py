"""Which stacks there are, and what ties them."""

import json
from typing import Any

SHARED = "shared"
NAMED = {
    "AWS::SSM::Parameter": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::ApiGatewayV2::Api": "Name",
    "AWS::ApiGatewayV2::VpcLink": "Name",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::SageMaker::Endpoint": "EndpointName",
}
"""Type -> the property that names it in its account."""


def test_one_stack_for_each_api_and_one_shared(everything: Any) -> None:
    """Each API can be deployed, rolled back and deleted on its own."""
    assert len(everything.templates) == 17
    assert {"shared", "iris", "flowers", "sentiment", "speech"} < set(everything.templates)


def test_stacks_are_tied_by_parameters_alone(everything: Any) -> None:
    """No export pins a stack, and every parameter that a stack reads is one that another tells."""
    told = {
        properties["Name"]
        for stack in everything.templates
        for properties in everything.of_type(stack, "AWS::SSM::Parameter").values()
    }
    for stack, template in everything.templates.items():
        text = json.dumps(template)
        assert "Fn::ImportValue" not in text
        assert all("Export" not in output for output in template.get("Outputs", {}).values())
        if stack != SHARED:
            read = {parameter["Default"] for parameter in template["Parameters"].values() if "Default" in parameter}
            assert {name for name in read if name.startswith("/cxpack/")} <= told


def test_no_custom_resources(everything: Any) -> None:
    """Nothing runs in the account that the user did not ask for."""
    for template in everything.templates.values():
        kinds = [resource["Type"] for resource in template["Resources"].values()]
        assert not [kind for kind in kinds if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"]
    functions = [stack for stack in everything.templates if everything.of_type(stack, "AWS::Lambda::Function")]
    assert functions == ["eager", "guarded", "hidden", "iris"]


def test_each_api_says_where_it_answers(everything: Any) -> None:
    """The output `Url` is the address to POST to, whatever the target."""
    for stack, template in everything.templates.items():
        assert ("Url" in template.get("Outputs", {})) == (stack != SHARED)


def test_each_api_says_what_it_costs(synthesize: Any, api_of: Any) -> None:
    """The packager's estimate stands in the stack, where `cxpack get` and whoever looks at the console find it."""
    made = synthesize(api_of(cost="$1 a month idle, $2.00 a million requests"), api_of("older"))
    assert made.templates["iris"]["Outputs"]["Cost"]["Value"] == "$1 a month idle, $2.00 a million requests"
    assert "Cost" not in made.templates["older"]["Outputs"]


def test_lambda_alone_needs_no_network(synthesize: Any, api_of: Any) -> None:
    """A project of functions has no load balancer, which would cost money while idle."""
    kinds = {resource["Type"] for resource in synthesize(api_of()).templates[SHARED]["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith(("AWS::EC2", "AWS::ECS", "AWS::ElasticLoadBalancing"))]


def test_stacks_carry_the_project_as_a_tag(everything: Any) -> None:
    """Costs and clean-up find everything by one tag."""
    manifest = json.loads((everything.folder / "manifest.json").read_text())
    stacks = {
        name: artifact["properties"]["tags"]
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert set(stacks) == {f"p-dev-{stack}" for stack in everything.templates}
    assert {tags["cxpack:project"] for tags in stacks.values()} == {"p"}
    assert stacks["p-dev-iris"]["cxpack:api"] == "iris"


def test_environments_share_no_name(synthesize: Any, api_of: Any) -> None:
    """Two environments of a project stand in one account: no name, not that of the metrics either, is the same in both."""

    def names(environment: str) -> set[str]:
        made = synthesize(api_of(), api_of("flowers", "fargate"), api_of("hosted", "endpoint"), env=environment)
        text = json.loads((made.folder / "manifest.json").read_text())["artifacts"]
        named = {
            artifact["properties"]["stackName"] for artifact in text.values() if "stackName" in artifact.get("properties", {})
        }
        for stack in made.templates:
            for kind, key in NAMED.items():
                named |= {properties[key] for properties in made.of_type(stack, kind).values()}
            for function in made.of_type(stack, "AWS::Lambda::Function").values():
                named.add(function["Environment"]["Variables"]["CXPACK_METRICS_NAME"])
        return named

    assert not names("dev") & names("prod")
