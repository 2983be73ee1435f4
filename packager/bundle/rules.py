"""Which APIs do not go into a zip, known before anything is resolved."""

from collections.abc import Iterator, Mapping

from packager.bundle.platform import FLAVOURS, GLIBC
from packager.fault import Fault
from packager.spec import ApiSpec

LIMIT = 262_144_000
"""Bytes of a function and its layers, unzipped (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


def refusals(api: ApiSpec, dependencies: Mapping[str, bytes]) -> Iterator[Fault]:
    """Why an API on Lambda with `deploy.package: zip` needs an image; `dependencies` are its context's."""
    predictor, python = api.served.predictor.type, api.deploy.python
    if predictor not in FLAVOURS:
        message = f"{predictor} alone is over the {LIMIT:,} bytes that Lambda takes in zips; use `package: image`"
        yield Fault("deploy.package", "deploy.zip", message, ("predictor.type",))
    if python not in GLIBC:
        message = f"there are no zips for Python {python}: use {' or '.join(GLIBC)}, or `package: image`"
        yield Fault("deploy.python", "deploy.zip", message)
    for name in ("conda-packages.txt", "dependencies.sh"):
        if dependencies.get(name, b"").strip():
            yield Fault("deploy.package", "deploy.zip", f"a zip cannot hold what {name} installs; use `package: image`")
