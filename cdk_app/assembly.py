"""The cloud assembly that the CDK CLI reads, written and finished: what CDK cannot know until its files are there."""

import json
from pathlib import Path

from aws_cdk import App

from cdk_app.history import PLACEHOLDER

FLAG_REPORT = "aws-cdk-lib/feature-flag-report"


def synthesize(app: App) -> None:
    """Write the assembly, every template with its own address in it."""
    app.synth()
    folder = Path(app.outdir)
    for assets in folder.glob("*.assets.json"):
        address_template(assets)
    forget_flags(folder / "manifest.json")


def address_template(assets: Path) -> None:
    """Put the name of the object that a stack's template becomes into the template (see `cdk_app.history`)."""
    template = assets.with_name(assets.name.removesuffix(".assets.json") + ".template.json")
    for name, file in json.loads(assets.read_text(encoding="utf-8"))["files"].items():
        if file["source"]["path"] == template.name:
            text = template.read_text(encoding="utf-8")
            template.write_text(text.replace(PLACEHOLDER, name), encoding="utf-8")


def forget_flags(manifest: Path) -> None:
    """Leave out the report from which the CLI tells users, at every command, how many feature flags they did not set.

    They choose the behaviour of CDK's own constructs, of which this app has none: its resources are CloudFormation's.
    """
    assembly = json.loads(manifest.read_text(encoding="utf-8"))
    assembly["artifacts"].pop(FLAG_REPORT, None)
    manifest.write_text(json.dumps(assembly, indent=2), encoding="utf-8")
