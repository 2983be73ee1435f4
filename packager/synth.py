"""`cxpack synth`, from a cortex.yaml to an output folder, in the order of its functions.

check      the file is read, validated, placed; every API's context is assembled as data
manifest   the decisions are written down for the CDK app, which takes none of its own
write      contexts and manifest go to disk, all or nothing; what has not changed is not touched

Deciding everything before the first byte is written keeps a bad file from leaving half an output, and makes the result
a function of the input: CDK hashes each context, so that an API that did not change is neither rebuilt nor deployed.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from packager.check import Check
from packager.manifest import Manifest
from packager.manifest_entry import api_entry, splitter_entry
from packager.output import write_output

OUTPUT = "cxpack.out"
CDK_JSON = {"app": "python -P -m cdk_app"}
"""-P: a folder of the user's that is called cdk_app must not be run in place of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """What was written: of every API whether its context changed, and whether cdk.json is new."""

    out: Path
    manifest: Manifest
    changed: dict[str, bool]
    cdk_json_written: bool


def synth(checked: Check, out: Path) -> Synthesis:
    """Write what `checked`, which has no errors and at least one deployable API, describes.

    Raises NotOurs and OSError as `write_output` does; then nothing has changed.
    """
    manifest = make_manifest(checked)
    contexts = [api.context for api in checked.deployable if api.context is not None]
    changed = write_output(out, manifest, contexts)
    return Synthesis(out=out, manifest=manifest, changed=changed, cdk_json_written=_write_cdk_json(checked.file.parent))


def make_manifest(checked: Check) -> Manifest:
    """The manifest of the deployable APIs and of the traffic splitters between them."""
    return Manifest(
        project=project_name(checked.file.parent),
        apis=tuple(api_entry(api) for api in checked.deployable),
        splitters=tuple(splitter_entry(api.spec) for api in checked.apis if api.spec.kind == "TrafficSplitter"),
    )


def project_name(folder: Path) -> str:
    """The folder's name as stack names allow it: letters, digits and dashes, beginning with a letter, at most 40."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-").lower()[:40].rstrip("-")
    return slug if slug[:1].isalpha() else f"cxpack-{slug}".rstrip("-")


def _write_cdk_json(folder: Path) -> bool:
    path = folder / "cdk.json"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(CDK_JSON, indent=2) + "\n")
    except FileExistsError:
        return False
    return True
