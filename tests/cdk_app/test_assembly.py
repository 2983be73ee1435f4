"""The finished assembly: each stack knows where its template is, which is how one goes back to it."""

import json
from typing import Any


def test_a_template_names_the_object_that_it_becomes(everything: Any) -> None:
    """The address in the template is the one that the CLI uploads it to, whatever its own hash is by then."""
    for stack, template in everything.templates.items():
        objects = [
            destination["objectKey"]
            for file in everything.assets[stack]["files"].values()
            if file["source"]["path"].endswith(f"-{stack}.template.json")
            for destination in file["destinations"].values()
        ]
        address = template["Outputs"]["Template"]["Value"]["Fn::Join"][1]
        assert [address[-1]] == [f"/{name}" for name in objects]
        parameter = everything.of_type(stack, "AWS::SSM::Parameter")["TemplateParameter"]
        assert parameter["Name"] == f"/cxpack/p/dev/templates/{stack}"
        assert parameter["Value"] == template["Outputs"]["Template"]["Value"]


def test_the_address_changes_with_the_stack_alone(synthesize: Any, api_of: Any) -> None:
    """Deploying the same again adds nothing to the history; a change does, in its own stack."""

    def addresses(made: Any) -> dict[str, Any]:
        return {stack: template["Outputs"]["Template"]["Value"] for stack, template in made.templates.items()}

    iris, flowers = api_of(), api_of("flowers", "fargate")
    before, again = addresses(synthesize(iris, flowers)), addresses(synthesize(iris, flowers))
    bigger = addresses(synthesize(iris._replace(size=iris.size._replace(memory_mb=1024)), flowers))
    assert again == before
    assert {stack for stack in before if bigger[stack] != before[stack]} == {"iris"}


def test_users_are_not_told_of_flags_that_are_not_theirs(everything: Any) -> None:
    """The CLI counts unset feature flags from a report in the assembly, at every command."""
    artifacts = json.loads((everything.folder / "manifest.json").read_text())["artifacts"]
    assert {artifact["type"] for artifact in artifacts.values()} == {"aws:cloudformation:stack", "cdk:asset-manifest", "cdk:tree"}
