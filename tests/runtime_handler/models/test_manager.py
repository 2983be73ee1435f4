"""What requests see of the models of an API."""

from pathlib import Path

from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec
from runtime_handler.models.layout import PYTHON
from runtime_handler.models.manager import Manager, open_manager


def a_manager(root: Path) -> Manager:
    spec = ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models"),))
    return open_manager(
        spec,
        api_name="api",
        root=root,
        layout=PYTHON,
        load=lambda path, name: (path / "model").read_text(),
        store=root / "store",
    )


def test_the_highest_version_is_the_latest(tmp_path: Path) -> None:
    """None and "latest" give the numerically highest version; integers and strings give the one they name."""
    for version in ("2", "10"):
        (tmp_path / "models" / version).mkdir(parents=True)
        (tmp_path / "models" / version / "model").write_text(f"version {version}")
    manager = a_manager(tmp_path)
    manager.start()
    assert [manager.get(None, version).value for version in (None, "latest", 2, "10")] == [
        "version 10",
        "version 10",
        "version 2",
        "version 10",
    ]
