"""Every example, from its cortex.yaml to templates in which neither rule pack finds anything."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from packager.check import check
from packager.synth import synth
from tests.cdk_app.rule_packs import lint, nag

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/cortex.yaml"))
KINDS = {"AWS::Lambda::Function": "lambda", "AWS::ECS::Service": "ecs"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_becomes_stacks(example: str, tmp_path: Path, synthesize_manifest: Any) -> None:
    """Each API runs where check said; cfn-lint finds nothing, and cdk-nag nothing that was not accepted."""
    project = tmp_path / example
    shutil.copytree(ROOT / "examples" / example, project, ignore=shutil.ignore_patterns("cxpack.out", "cdk.*"))
    checked = check(project / "cortex.yaml")
    assert checked.ok, [str(problem) for problem in checked.problems]
    written = synth(checked, project / "cxpack.out")
    made = synthesize_manifest(written.out / "manifest.json")
    placed = {api.name: api.target for api in written.manifest.apis}
    found = {
        stack: KINDS[resource["Type"]]
        for stack, template in made.templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] in KINDS
    }
    assert found == placed
    assert not lint(made.templates)
    assert not nag(made.app)
