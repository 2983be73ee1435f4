"""Small projects for tests, each made of the one thing that the test is about."""

from pathlib import Path
from textwrap import dedent

PREDICTOR = """\
class PythonPredictor:
    def __init__(self, config):
        self.config = config

    def predict(self, payload):
        return {"config": self.config, "payload": payload}
"""


def a_project(folder: Path, cortex_yaml: str | None = None, **files: str | bytes) -> Path:
    """A project in `folder`: its cortex.yaml (a python API called `echo` unless given), a predictor.py, and `files`.

    The path of cortex.yaml. In names of `files`, `__` stands for a slash and `_dot_` for a dot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, str | bytes] = {
        "cortex.yaml": an_api() if cortex_yaml is None else dedent(cortex_yaml),
        "predictor.py": PREDICTOR,
        **{name.replace("__", "/").replace("_dot_", "."): content for name, content in files.items()},
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "cortex.yaml"


def an_api(name: str = "echo", *, predictor: str = "", **sections: str) -> str:
    """The text of one python API; `predictor` and `sections` are YAML in flow style, such as compute="{gpu: 1}"."""
    lines = [f"- name: {name}", "  predictor:", "    type: python", "    path: predictor.py"]
    lines += [f"    {line}" for line in predictor.splitlines()]
    lines += [f"  {section}: {value}" for section, value in sections.items()]
    return "\n".join(lines) + "\n"
