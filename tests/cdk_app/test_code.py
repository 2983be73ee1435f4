"""A function without an image: its zips as assets, its layers as resources of its own stack."""

from pathlib import Path
from typing import Any

import pytest

from packager.manifest import Bundle, Manifest, ManifestError
from tests.cdk_app.rule_packs import lint, nag


def bundle_of(name: str) -> Bundle:
    return Bundle(
        code=f"{name}/zip/function.zip",
        layers=(f"{name}/zip/flavour.zip", f"{name}/zip/packages.zip"),
        runtime="python3.12",
        handler="runtime_handler.entrypoints.aws_lambda.handler",
    )


@pytest.fixture(scope="module")
def zips(synthesize: Any, api_of: Any) -> Any:
    """Two functions from zips that share the layer of their flavour."""
    return synthesize(*(api_of(name, bundle=bundle_of(name)) for name in ("iris", "flowers")))


def test_the_function_runs_from_zips(zips: Any) -> None:
    """On the managed runtime, with its layers in the manifest's order, and without an image."""
    function = zips.only("iris", "AWS::Lambda::Function")
    assert (function["PackageType"], function["Runtime"]) == ("Zip", "python3.12")
    assert function["Handler"] == "runtime_handler.entrypoints.aws_lambda.handler"
    assert function["Layers"] == [{"Ref": "Layer1"}, {"Ref": "Layer2"}]
    assert set(function["Code"]) == {"S3Bucket", "S3Key"}
    assert not zips.assets["iris"]["dockerImages"]


def test_a_shared_layer_is_one_object_and_each_stacks_own_version(zips: Any) -> None:
    """Every stack can be deleted, and what they share is uploaded once."""
    layers = [zips.of_type(stack, "AWS::Lambda::LayerVersion") for stack in ("iris", "flowers")]
    assert [set(versions) for versions in layers] == [{"Layer1", "Layer2"}] * 2
    assert layers[0]["Layer1"]["Content"] == layers[1]["Layer1"]["Content"]
    assert layers[0]["Layer1"]["CompatibleArchitectures"] == ["x86_64"]


def test_the_rule_packs_find_nothing(zips: Any) -> None:
    """As for every other stack."""
    assert not lint(zips.templates)
    assert not nag(zips.app)


def test_a_missing_zip_says_what_to_do(api_of: Any, project_in: Any, tmp_path: Path) -> None:
    """The output folder was tampered with, or copied in part."""
    from aws_cdk import App, Stack

    from cdk_app.code import add_code
    from cdk_app.project import Project
    from cdk_app.settings import Settings

    api = api_of(bundle=bundle_of("iris"))
    manifest = Manifest(project="p", apis=(api,))
    path = project_in(tmp_path, manifest)
    (tmp_path / "iris/zip/packages.zip").unlink()
    project = Project(manifest, Settings.of({"cxpack:manifest": str(path)}))
    with pytest.raises(ManifestError, match=r"packages\.zip is missing.*run `cxpack synth` again"):
        add_code(Stack(App(), "s"), project, api)


def test_build_secrets_reach_the_build_and_nothing_else(synthesize: Any, api_of: Any, tmp_path: Path) -> None:
    """A private index's address and credentials are read while an image is built; its tag does not depend on them."""
    (tmp_path / "pip.conf").write_text("[global]\n")
    plain = synthesize(api_of()).assets["iris"]["dockerImages"]
    secret = synthesize(api_of(), build_secrets={"pip": str(tmp_path / "pip.conf")}).assets["iris"]["dockerImages"]
    assert set(plain) == set(secret)
    ((image,), (bare,)) = secret.values(), plain.values()
    assert image["source"]["dockerBuildSecrets"] == {"pip": f"src={tmp_path / 'pip.conf'}"}
    assert "dockerBuildSecrets" not in bare["source"]
