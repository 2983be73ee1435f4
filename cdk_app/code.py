"""What a Lambda function runs: the API's image, or the zips of its bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as assets

from cdk_app.image import add_image
from cdk_app.project import Project
from packager.manifest import Bundle, ManifestApi, ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """`properties` of the function, and a digest of everything that it runs."""

    properties: Mapping[str, Any]
    digest: str


def add_code(stack: Stack, project: Project, api: ManifestApi) -> Code:
    """The assets of an API's code, uploaded when they change. Raises ManifestError when one is not there."""
    if api.bundle is not None:
        return _add_bundle(stack, project, api, api.bundle)
    image = add_image(stack, project, api)
    code = lambda_.CfnFunction.CodeProperty(image_uri=image.image_uri)
    return Code(properties={"code": code, "package_type": "Image"}, digest=image.asset_hash)


def _add_bundle(stack: Stack, project: Project, api: ManifestApi, bundle: Bundle) -> Code:
    """Equal layers of several APIs are one object in S3; each stack has a LayerVersion of its own, and so can be deleted."""
    function = _asset(stack, "Code", project.path(bundle.code))
    layers = [_asset(stack, f"Layer{number}Code", project.path(path)) for number, path in enumerate(bundle.layers, start=1)]
    versions = [
        lambda_.CfnLayerVersion(
            stack,
            f"Layer{number}",
            content=lambda_.CfnLayerVersion.ContentProperty(s3_bucket=asset.s3_bucket_name, s3_key=asset.s3_object_key),
            compatible_runtimes=[bundle.runtime],
            compatible_architectures=[api.image.architecture],
        )
        for number, asset in enumerate(layers, start=1)
    ]
    return Code(
        properties={
            "code": lambda_.CfnFunction.CodeProperty(s3_bucket=function.s3_bucket_name, s3_key=function.s3_object_key),
            "package_type": "Zip",
            "runtime": bundle.runtime,
            "handler": bundle.handler,
            "layers": [version.ref for version in versions],
        },
        digest=" ".join(asset.asset_hash for asset in [function, *layers]),
    )


def _asset(stack: Stack, name: str, file: Path) -> assets.Asset:
    if not file.is_file():
        raise ManifestError(f"{file} is missing, yet the manifest names it; run `cxpack synth` again")
    return assets.Asset(stack, name, path=str(file))
