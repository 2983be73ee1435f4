"""`deploy.package: zip`, an API as a Lambda function without Docker, in the order of `make_bundle`.

shared      the flavour's packages are a layer, the same file for all APIs of the flavour
resolve     the project's requirements are resolved for Lambda's machine, with the flavour's versions where possible
own         what that brings beyond the flavour is a second layer; if no solution has the flavour's versions, one layer
            holds everything and nothing is shared
code        runtime, project, api.json and packed models are the function itself
limit       all of it, unzipped, has to be at most 262,144,000 bytes

The parts go into the API's context as `zip/*.zip`: equal files of several APIs are one file on disk.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packager.bundle.errors import BundleError
from packager.bundle.parts import Part, code_part, packages_part, resolution
from packager.bundle.platform import FLAVOURS, GLIBC, Platform, flavour_pins
from packager.bundle.rules import LIMIT, refusals
from packager.bundle.wheels import pins, requirements
from packager.context import BuildContext, ContextFile
from packager.manifest import Bundle
from packager.spec import ApiSpec

HANDLER = "runtime_handler.entrypoints.aws_lambda.handler"
IN_THE_IMAGE_ONLY = ("Dockerfile", "requirements.txt", ".dockerignore", "dependencies/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zips:
    """What `synth` adds to an API's context and to its manifest entry."""

    files: tuple[ContextFile, ...]
    bundle: Bundle


def make_bundle(api: ApiSpec, context: BuildContext, cache: Path, say: Callable[[str], None]) -> Zips:
    """The zips of an API that was placed on Lambda. Raises BundleError when there can be none."""
    for fault in refusals(api, context.dependencies):
        raise BundleError(f"{api.name}: {fault.message}")
    platform = Platform(python=api.deploy.python, architecture=api.deploy.architecture, glibc=GLIBC[api.deploy.python])
    try:
        layers = make_layers(flavour_pins(FLAVOURS[api.served.predictor.type]), context.dependencies, platform, cache, say)
        code = code_part(_own_files(context), context.digest, platform, cache)
    except BundleError as error:
        raise BundleError(f"{api.name}: {error}") from None
    check_size(api.name, {**layers, "function": code})
    files = {f"zip/{name}.zip": part.file for name, part in {**layers, "function": code}.items()}
    return Zips(
        files=tuple(ContextFile(path, file) for path, file in files.items()),
        bundle=Bundle(
            code=f"{api.name}/zip/function.zip",
            layers=tuple(f"{api.name}/zip/{name}.zip" for name in layers),
            runtime=f"python{platform.python}",
            handler=HANDLER,
        ),
    )


def make_layers(
    flavour: str, dependencies: Mapping[str, bytes], platform: Platform, cache: Path, say: Callable[[str], None]
) -> dict[str, Part]:
    """Name -> layer: `flavour`, and `packages` when the project has requirements; or `packages` alone with everything.

    `flavour` is its pinned requirements. Raises BundleError.
    """
    if not dependencies.get("requirements.txt", b"").strip():
        return {"flavour": packages_part(flavour, platform, cache, say)}
    shared = pins(flavour)
    try:
        resolved = requirements(resolution(dependencies, platform, flavour, cache))
        if replaced := [name for name, text in resolved.items() if name in shared and not text.startswith(f"{name}==")]:
            raise BundleError(f"it has its own {' and '.join(replaced)}")
    except BundleError as conflict:
        text = dependencies["requirements.txt"] + b"\n" + "\n".join(shared).encode()
        everything = resolution({**dependencies, "requirements.txt": text}, platform, "", cache)
        say(f"the flavour's layer is not shared: requirements.txt asks for other versions ({conflict})")
        return {"packages": packages_part(everything, platform, cache, say, dependencies)}
    layers = {"flavour": packages_part(flavour, platform, cache, say)}
    if own := "".join(text for name, text in resolved.items() if name not in shared):
        layers["packages"] = packages_part(own, platform, cache, say, dependencies)
    return layers


def check_size(name: str, parts: Mapping[str, Part]) -> None:
    """Raises BundleError with the ten largest packages when all parts together are over Lambda's limit."""
    total = sum(part.size for part in parts.values())
    if total > LIMIT:
        sizes = sorted((size, package) for part in parts.values() for package, size in part.packages.items())[:-11:-1]
        largest = "\n".join(f"  {size / 1e6:8.1f} MB  {package}" for size, package in sizes)
        raise BundleError(
            f"{name}: {total:,} bytes unzipped, {total - LIMIT:,} over Lambda's limit of {LIMIT:,}; use "
            f"`deploy.package: image`, or do without some of the largest packages:\n{largest}"
        )


def _own_files(context: BuildContext) -> dict[str, ContextFile]:
    return {file.path: file for file in context.files if not file.path.startswith(IN_THE_IMAGE_ONLY)}
