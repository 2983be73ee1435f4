"""The least CDK app that makes the resources of an assembly: no decisions, no typed properties, each resource as it stands."""

import json
import sys
from pathlib import Path

from cdk_app.__main__ import use_installed_node


def main(assembly: Path) -> None:
    """Make every stack of `assembly` again, its image assets from the copies in there."""
    use_installed_node()
    from aws_cdk import App, CfnOutput, CfnParameter, CfnResource, Stack
    from aws_cdk import aws_ecr_assets as assets

    app = App(auto_synth=False, builtin_cloud_formation_validation=False)
    for file in sorted(assembly.glob("*.template.json")):
        name = file.name.removesuffix(".template.json")
        stack = Stack(app, name, analytics_reporting=False)
        template = json.loads(file.read_text())
        for image in json.loads((assembly / f"{name}.assets.json").read_text())["dockerImages"].values():
            directory = str(assembly / image["source"]["directory"])
            assets.DockerImageAsset(stack, "Image", directory=directory, platform=assets.Platform.LINUX_AMD64)
        for logical, parameter in template["Parameters"].items():
            if logical != "BootstrapVersion":
                CfnParameter(stack, logical, type=parameter["Type"], default=parameter["Default"])
        for logical, resource in template["Resources"].items():
            CfnResource(stack, logical, type=resource["Type"], properties=resource.get("Properties"))
        for logical, output in template.get("Outputs", {}).items():
            CfnOutput(stack, logical, value=json.dumps(output["Value"]))
    app.synth()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
