"""An API's container image, built by the CDK CLI from the context folder that `cxpack synth` wrote."""

from aws_cdk import DockerBuildSecret, Stack
from aws_cdk import aws_ecr_assets as assets

from cdk_app.project import Project
from packager.manifest import ManifestApi, ManifestError

PLATFORMS = {"x86_64": assets.Platform.LINUX_AMD64, "arm64": assets.Platform.LINUX_ARM64}


def add_image(stack: Stack, project: Project, api: ManifestApi) -> assets.DockerImageAsset:
    """The image, tagged with the hash of its context: an API that did not change is not built again.

    The platform is always named, whatever machine builds. The CDK CLI builds without attestations
    (BUILDX_NO_DEFAULT_ATTESTATIONS), so that what is pushed is one manifest and no index, which Lambda would refuse.

    Raises ManifestError when the context is not where the manifest says.
    """
    folder = project.context_folder(api)
    if not (folder / "Dockerfile").is_file():
        raise ManifestError(f"{folder} holds no Dockerfile, yet the manifest names it for {api.name}; run `cxpack synth` again")
    secrets = {name: DockerBuildSecret.from_src(str(path)) for name, path in project.settings.build_secrets.items()}
    return assets.DockerImageAsset(
        stack,
        "Image",
        directory=str(folder),
        platform=PLATFORMS[api.image.architecture],
        build_args=dict(api.image.build_args),
        build_secrets=secrets or None,
        # Where somebody keeps a pip.conf does not change the image.
        invalidation=assets.DockerImageAssetInvalidationOptions(build_secrets=False),
        display_name=api.name,
    )
