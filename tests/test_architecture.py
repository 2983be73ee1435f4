"""The arrows between the packages, held by reading every import statement."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("packager", "cdk_app", "runtime_handler")
FILES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MAY_IMPORT = {
    "runtime_handler": (),
    "packager": ("runtime_handler.contract", "runtime_handler.models.layout", "runtime_handler.models.pins"),
    "cdk_app": ("packager.manifest", "runtime_handler.contract"),
}
"""What a package may import of the other two."""

ONLY_IN = {
    "yaml": ("packager/document.py",),
    "boto3": ("packager/", "runtime_handler/models/", "runtime_handler/secrets.py"),
    "obstore": ("runtime_handler/models/",),
    "fastapi": ("runtime_handler/docs.py",),
    "mangum": ("runtime_handler/entrypoints/exchange.py",),
    "uvicorn": ("runtime_handler/entrypoints/", "packager/local/"),
    "onnxruntime": ("runtime_handler/predictors/",),
    "tensorflow": ("runtime_handler/predictors/",),
    "aws_cdk": ("cdk_app/",),
    "constructs": ("cdk_app/",),
}
"""The only places that may import a heavy or replaceable library."""

STANDARD_LIBRARY_ONLY = (
    "packager/manifest.py",
    "runtime_handler/contract.py",
    "runtime_handler/errors.py",
    "runtime_handler/metrics/emf.py",
    "runtime_handler/models/layout.py",
    "runtime_handler/models/model.py",
)

STANDARD_LIBRARY = __import__("sys").stdlib_module_names


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_follow_the_arrows(path: Path) -> None:
    """No package imports what the design keeps from it, and heavy libraries have one home each."""
    package = path.parts[0]
    for name in imports_of(ROOT / path):
        top = name.partition(".")[0]
        if top in ONLY_IN:
            assert path.as_posix().startswith(ONLY_IN[top]), f"{path} imports {top}; only {ONLY_IN[top]} may"
        if top in PACKAGES and top != package:
            assert name in MAY_IMPORT[package], f"{path} imports {name}; {package} may import only {MAY_IMPORT[package]}"


@pytest.mark.parametrize("path", STANDARD_LIBRARY_ONLY)
def test_the_contract_needs_the_standard_library_only(path: str) -> None:
    """What all three programs share costs no installation and hardly any start time."""
    if not (ROOT / path).exists():
        pytest.skip(f"{path} does not exist yet")
    for name in imports_of(ROOT / path):
        top = name.partition(".")[0]
        assert top in STANDARD_LIBRARY or top in PACKAGES, f"{path} imports {name}"


def test_package_markers_import_nothing() -> None:
    """Importing the contract drags in nothing else."""
    for path in FILES:
        if path.name == "__init__.py" and path.parent.as_posix() not in {"runtime_handler/predictors", "cdk_app/targets"}:
            assert not list(imports_of(ROOT / path)), f"{path} imports something"
