"""`synth --lock`: a project's requirements resolved once, for the image's platform, and written down with hashes.

Without it every build of an image resolves anew. The lock stands in the context only, so that the project stays as it is.
"""

from collections.abc import Mapping
from pathlib import Path

from packager.bundle.parts import resolution
from packager.bundle.platform import Platform
from packager.context import BuildContext
from packager.images import FLAVOURS
from packager.spec import ApiSpec

GLIBC = (2, 36)
"""Of Debian 12, on which the images stand."""
REQUIREMENTS = "requirements.txt"
KEPT_OPTIONS = ("--index-url", "-i ", "--extra-index-url", "--find-links", "-f ", "--trusted-host", "--no-index")
"""Where packages come from is no business of a resolution, but of the build as well."""


def locked(context: BuildContext, spec: ApiSpec, cache: Path) -> BuildContext:
    """The context with its dependencies/requirements.txt pinned, versions of the flavour's own packages kept.

    Raises BundleError with uv's explanation when there is no solution.
    """
    files = context.dependencies
    if not files.get(REQUIREMENTS, b"").strip():
        return context
    serve = spec.served
    flavour = FLAVOURS[serve.predictor.type, serve.accelerator].files[REQUIREMENTS].read_text()
    platform = Platform(python=spec.deploy.python, architecture=spec.deploy.architecture, glibc=GLIBC)
    return context.replacing(f"dependencies/{REQUIREMENTS}", _text(files, resolution(files, platform, flavour, cache)))


def _text(files: Mapping[str, bytes], pinned: str) -> bytes:
    lines = files[REQUIREMENTS].decode("utf-8", "replace").splitlines()
    options = [line.strip() for line in lines if line.strip().startswith(KEPT_OPTIONS)]
    return "\n".join([*options, pinned]).encode()
