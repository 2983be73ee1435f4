"""`cxpack synth`, from a cortex.yaml to an output folder, in the order of its functions.

check      the file is read, validated, placed; every API's context is assembled as data
zips       APIs with `deploy.package: zip` get their packages, and with --lock the others their pins: the only step that
           may ask a package index, through uv
manifest   the decisions are written down for the CDK app, which takes none of its own
write      contexts and manifest go to disk, all or nothing; what has not changed is not touched

Deciding everything before the first byte is written keeps a bad file from leaving half an output, and makes the result
a function of the input: CDK hashes each context, so that an API that did not change is neither rebuilt nor deployed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packager.check import Check, CheckedApi
from packager.context import BuildContext
from packager.manifest import Bundle, Manifest
from packager.manifest_entry import api_entry, splitter_entry
from packager.output import refuse_sources, write_output

if TYPE_CHECKING:
    from packager.bundle.zips import Zips

OUTPUT = "cxpack.out"
CDK_JSON = {"app": "python -P -m cdk_app"}
"""-P: a folder of the user's that is called cdk_app must not be run in place of ours."""


def _silent(line: str) -> None:
    pass


class Synthesis(NamedTuple):
    """What was written: of every API whether its context changed, and whether cdk.json is new."""

    out: Path
    manifest: Manifest
    changed: dict[str, bool]
    cdk_json_written: bool


def synth(checked: Check, out: Path, say: Callable[[str], None] = _silent, *, lock: bool = False) -> Synthesis:
    """Write what `checked`, which has no errors and at least one deployable API, describes; `say` takes lines of progress.

    `lock` pins the requirements of images. Raises NotOurs and OSError as `write_output` does, and BundleError for an API
    that does not go into a zip or whose requirements have no solution; then nothing has changed.
    """
    refuse_sources(out, checked.file.parent, (api.context for api in checked.deployable if api.context is not None))
    zips = make_zips(checked, say)
    manifest = make_manifest(checked, {name: made.bundle for name, made in zips.items()})
    contexts = [_context(api, zips.get(api.spec.name), lock, say) for api in checked.deployable]
    with _cdk_json(checked.file.parent) as written:
        changed = write_output(out, manifest, contexts, say)
    return Synthesis(out=out, manifest=manifest, changed=changed, cdk_json_written=written)


def _context(api: CheckedApi, zips: "Zips | None", lock: bool, say: Callable[[str], None]) -> BuildContext:
    assert api.context is not None, "a deployable API has a context"
    if zips is not None:
        return api.context.adding(zips.files)
    if not lock:
        return api.context
    from packager.bundle.lock import locked  # here: without --lock nothing is resolved
    from packager.bundle.parts import cache_folder

    say(f"{api.spec.name}: resolving requirements")
    return locked(api.context, api.spec, cache_folder())


def make_zips(checked: Check, say: Callable[[str], None]) -> "dict[str, Zips]":
    """API -> its zips, of those that were placed on Lambda and want no image. Raises BundleError."""
    wanted = [
        (api.spec, api.context)
        for api in checked.deployable
        if api.context is not None and api.placement is not None and api.placement.target == "lambda"
        if api.spec.deploy.package == "zip"
    ]
    if not wanted:
        return {}
    from packager.bundle.parts import cache_folder  # here: most projects have no zips
    from packager.bundle.zips import make_bundle

    return {spec.name: make_bundle(spec, context, cache_folder(), say) for spec, context in wanted}


def make_manifest(checked: Check, bundles: Mapping[str, Bundle]) -> Manifest:
    """The manifest of the deployable APIs and of the traffic splitters between them; `bundles` are those of zip APIs."""
    return Manifest(
        project=project_name(checked.file.parent),
        apis=tuple(api_entry(api, bundles.get(api.spec.name)) for api in checked.deployable),
        splitters=tuple(splitter_entry(api.spec) for api in checked.apis if api.spec.kind == "TrafficSplitter"),
    )


def project_name(folder: Path) -> str:
    """The folder's name as stack names allow it: letters, digits and dashes, beginning with a letter, at most 40."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-").lower()[:40].rstrip("-")
    return slug if slug[:1].isalpha() else f"cxpack-{slug}".rstrip("-")


@contextmanager
def _cdk_json(folder: Path) -> Iterator[bool]:
    """A cdk.json in the folder, and whether it is new; a new one does not stay when what is done within fails."""
    path = folder / "cdk.json"
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        yield False
        return
    try:
        with file:
            file.write(json.dumps(CDK_JSON, indent=2) + "\n")
        yield True
    except BaseException:
        path.unlink(missing_ok=True)
        raise
