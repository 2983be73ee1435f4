"""A CDK app with the resources of given stacks and nothing else: `python minimal_cdk.py ASSEMBLY CONTEXTS`.

ASSEMBLY is a cloud assembly, whose templates say which resources; CONTEXTS the folder with the contexts of its images.
"""

import json
import sys
from pathlib import Path

from aws_cdk import App, CfnResource, Stack
from aws_cdk import aws_ecr_assets as assets


def main(assembly: Path, contexts: Path) -> None:
    app = App(builtin_cloud_formation_validation=False)
    for template in sorted(assembly.glob("*.template.json")):
        name = template.name.removesuffix(".template.json")
        stack = Stack(app, name, analytics_reporting=False)
        for context in contexts.iterdir():
            if name.endswith(f"-{context.name}"):
                assets.DockerImageAsset(stack, "Image", directory=str(context), platform=assets.Platform.LINUX_AMD64)
        for logical, resource in json.loads(template.read_text())["Resources"].items():
            CfnResource(stack, logical, type=resource["Type"], properties=resource.get("Properties", {}))
    app.synth()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
