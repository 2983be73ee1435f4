"""The program that the CDK CLI runs, as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdk_app.__main__ import read_manifest
from packager.manifest import Manifest, ManifestError


def run_app(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name not in ("JSII_NODE", "CDK_OUTDIR")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "cdk_app"],
        cwd=folder,
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_writes_the_assembly_without_the_cli_and_without_node_on_the_path(tmp_path: Path, project_in: Any, api_of: Any) -> None:
    """CDK_OUTDIR is all that it needs, and a folder of the user's called cdk_app does not shadow ours."""
    project_in(tmp_path / "cxpack.out", Manifest(project="p", apis=(api_of(),)))
    (tmp_path / "cdk_app").mkdir()
    (tmp_path / "cdk_app" / "__main__.py").write_text("raise SystemExit(7)")
    done = run_app(tmp_path, CDK_OUTDIR=str(tmp_path / "assembly"), PATH="/nowhere")
    assert (done.returncode, done.stderr) == (0, "")
    assert {file.name for file in (tmp_path / "assembly").glob("*.template.json")} == {
        "p-dev-shared.template.json",
        "p-dev-iris.template.json",
    }


def test_no_manifest_is_one_sentence(tmp_path: Path) -> None:
    """Whoever forgot `cxpack synth` reads that it comes first, and no traceback."""
    done = run_app(tmp_path, CDK_OUTDIR=str(tmp_path / "assembly"))
    assert done.returncode == 1
    assert "cxpack.out/manifest.json" in done.stderr
    assert "cxpack synth" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "assembly").glob("*"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json", "is not JSON"),
        ("\udcff", "is not UTF-8"),
        ('{"format": 0}', "is not of format"),
        ("[]", "is not of format"),
        ('{"format": 1, "project": "p", "apis": [{"name": "x"}]}', "lacks"),
        ('{"format": 1, "project": "p", "apis": [[]]}', "lacks"),
    ],
)
def test_a_manifest_that_is_none_names_the_remedy(tmp_path: Path, text: str, says: str) -> None:
    """Whatever lies in its place, it is the one error that the program answers with a sentence."""
    path = tmp_path / "manifest.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ManifestError, match=says) as raised:
        read_manifest(path)
    assert "cxpack synth" in str(raised.value)


def test_a_context_that_is_gone_is_one_sentence(synthesize: Any, api_of: Any, tmp_path: Path) -> None:
    """A manifest whose folders were deleted says which, before anything is written."""
    from aws_cdk import App

    from cdk_app.project import Project
    from cdk_app.settings import Settings
    from cdk_app.stacks import add_stacks

    project = Project(Manifest(project="p", apis=(api_of(),)), Settings(manifest=tmp_path / "manifest.json"))
    with pytest.raises(ManifestError, match="iris holds no Dockerfile"):
        add_stacks(App(outdir=str(tmp_path / "cdk.out"), auto_synth=False), project)


def test_another_manifest_is_named_by_context(tmp_path: Path, project_in: Any, api_of: Any) -> None:
    """`-c cxpack:manifest=PATH` reads that one."""
    path = project_in(tmp_path / "elsewhere", Manifest(project="q", apis=(api_of(),)))
    context = {"cxpack:manifest": str(path), "cxpack:env": "prod"}
    done = run_app(tmp_path, CDK_OUTDIR=str(tmp_path / "assembly"), CDK_CONTEXT_JSON=json.dumps(context))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "assembly" / "q-prod-iris.template.json").exists()


def test_a_misspelled_key_is_one_sentence(tmp_path: Path, project_in: Any, api_of: Any) -> None:
    """Whoever meant another environment does not deploy into the default one."""
    project_in(tmp_path / "cxpack.out", Manifest(project="p", apis=(api_of(),)))
    context = {"cxpack:enviroment": "prod"}
    done = run_app(tmp_path, CDK_OUTDIR=str(tmp_path / "assembly"), CDK_CONTEXT_JSON=json.dumps(context))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "there is no context key cxpack:enviroment" in done.stderr
    assert not list((tmp_path / "assembly").glob("*"))
