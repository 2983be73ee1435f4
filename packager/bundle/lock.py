"""`synth --lock`: a project's requirements resolved once, for the image's platform, and written down with hashes.

Without it every build of an image resolves anew. The lock stands in the context only, so that the project stays as it is.
"""

from pathlib import Path

from packager.bundle.parts import resolution
from packager.bundle.platform import Platform
from packager.bundle.wheels import sources
from packager.context import BuildContext
from packager.images import FLAVOURS
from packager.spec import ApiSpec

REQUIREMENTS = "requirements.txt"


def locked(context: BuildContext, spec: ApiSpec, cache: Path) -> BuildContext:
    """The context with its dependencies/requirements.txt pinned, versions of the flavour's own packages kept.

    Raises BundleError with uv's explanation when there is no solution.
    """
    files = context.dependencies
    if not files.get(REQUIREMENTS, b"").strip():
        return context
    serve = spec.served
    flavour = FLAVOURS[serve.predictor.type, serve.accelerator]
    platform = Platform(python=spec.deploy.python, architecture=spec.deploy.architecture, glibc=flavour.glibc)
    resolved = resolution(files, platform, flavour.files[REQUIREMENTS].read_text(), cache)
    text = "\n".join([*sources(files), resolved])
    return context.replacing(f"dependencies/{REQUIREMENTS}", text.encode())
