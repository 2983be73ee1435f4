"""Which modules of a project come with its predictor."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from packager.check import check
from packager.own_modules import MOST, Module, own_modules
from packager.parsed import parsed
from packager.project_folder import Project
from runtime_handler.contract import PredictorSpec
from tests.builders import PREDICTOR


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def found(root: Path, predictor: str = "predictor.py", python_path: str | None = None) -> list[Module]:
    spec = PredictorSpec(type="python", path=predictor, python_path=python_path)
    return list(own_modules(spec, Project(root=root, shown=root)))


def test_what_the_predictor_imports_and_what_that_does(tmp_path: Path) -> None:
    """Packages with all that is around a module, members that are modules, relative imports, circles; each with its importer."""
    write(
        tmp_path,
        {
            "predictor.py": "import a.b.c\nfrom d import e, other\nimport os, missing\n",
            "a/__init__.py": "",
            "a/b/__init__.py": "from .near import x\nfrom .. import up",
            "a/b/c.py": "import predictor",
            "a/b/near.py": "from ...beyond import x",
            "a/up.py": "",
            "d/e.py": "def later():\n    import f",
            "f.py": "try:\n    import g\nexcept ImportError: pass",
            "g.py": "",
            "beyond.py": "",
            "unasked.py": "",
        },
    )
    modules = found(tmp_path)
    assert [module.path for module in modules] == [
        *("predictor.py", "a/__init__.py", "a/b/__init__.py", "a/b/c.py", "d/e.py", "a/b/near.py", "a/up.py", "f.py"),
        "beyond.py",
    ]
    assert [(each.importer, each.line) for each in modules if each.path in {"a/b/c.py", "f.py"}] == [
        ("predictor.py", 1),
        ("d/e.py", 2),
    ]


def test_python_path(tmp_path: Path) -> None:
    """Absolute imports begin in that folder, and in no other."""
    write(tmp_path, {"src/predictor.py": "import a, b", "src/a.py": "", "b.py": "", "src/c.py": ""})
    assert [module.path for module in found(tmp_path, "src/predictor.py", "src")] == ["src/predictor.py", "src/a.py"]
    assert [module.path for module in found(tmp_path, "src/predictor.py")] == ["src/predictor.py", "b.py"]


def test_a_library_in_the_folder_is_looked_at_in_part(tmp_path: Path) -> None:
    """A project with thousands of modules is answered at once, too."""
    write(tmp_path, {f"m{number}.py": f"import m{number + 1}" for number in range(MOST + 10)})
    assert len(found(tmp_path, "m0.py")) == MOST


def test_each_module_is_parsed_once(tmp_path: Path) -> None:
    """However many checks and APIs look at it: there are as many as are looked at, and then the first is still remembered."""
    api = "- name: {}\n  predictor: {{type: python, path: predictor.py}}\n  deploy: {{target: ecs}}\n"
    chain = {f"m{number}.py": f"import m{number + 1}" for number in range(MOST)}
    write(tmp_path, {"cortex.yaml": api.format("one") + api.format("two"), "predictor.py": f"import m0\n{PREDICTOR}", **chain})
    parsed.cache_clear()
    assert check(tmp_path / "cortex.yaml").ok
    assert parsed.cache_info().misses == MOST


@given(st.lists(st.text("abi .\nmportf_", max_size=40), min_size=1, max_size=4))
@settings(deadline=None)
def test_any_modules(sources: list[str]) -> None:
    """Nothing raises, nothing is found twice, and all of it is there."""
    with tempfile.TemporaryDirectory() as folder:
        names = ["predictor.py", "a/__init__.py", "a/b.py", "b.py"]
        write(Path(folder), dict(zip(names, sources, strict=False)))
        paths = [module.path for module in found(Path(folder))]
        assert paths[0] == "predictor.py"
        assert len(set(paths)) == len(paths)
        assert set(paths) <= set(names)


def test_what_is_imported_and_not_packed(tmp_path: Path) -> None:
    """Is said with the line that imports it and what leaves it out."""
    write(
        tmp_path,
        {
            "cortex.yaml": "- name: iris\n  predictor:\n    type: python\n    path: predictor.py\n",
            "predictor.py": f"import text.words\n{PREDICTOR}",
            "text/words.py": "",
            ".cortexignore": "text/\n",
        },
    )
    [problem] = [each for each in check(tmp_path / "cortex.yaml").problems if each.code == "cxpack.import_left_out"]
    assert problem.message == (
        "text/words.py, which predictor.py:1 imports, would not be in the image, for text is matched by .cortexignore;"
        " move it to a folder that is packed"
    )


def test_modules_say_what_the_api_needs(tmp_path: Path) -> None:
    """A library that takes memory, and AWS, are used by the API whichever module imports them."""
    write(
        tmp_path,
        {
            "cortex.yaml": "- name: iris\n  predictor:\n    type: python\n    path: predictor.py\n",
            "predictor.py": f"import model\n{PREDICTOR}",
            "model.py": "import boto3, torch",
            "requirements.txt": "torch",
        },
    )
    problems = {each.code: each.message for each in check(tmp_path / "cortex.yaml").problems}
    assert "model.py imports boto3" in problems["deploy.nothing_granted"]
    assert "torch needs more" in problems["deploy.little_memory"]
