"""What should not be in an image is said before it is built."""

from pathlib import Path

import pytest

from packager.bundle.elf import read_library
from packager.check import check
from packager.context import ContextFile
from packager.guards import LARGE_FILE, PACKED_MODELS, SECRETS, findings, libraries
from tests.builders import a_project
from tests.packager.bundle.test_elf import REAL, library


def codes(*files: tuple[str, int]) -> list[tuple[str, str]]:
    return [(fault.code, fault.severity) for fault in findings(files)]


def test_usual_files_are_not_spoken_of() -> None:
    """Code, small data, packed models of a reasonable size, and small ones beside the code."""
    large = (("project/data.json", LARGE_FILE), ("models/iris/1/model.onnx", PACKED_MODELS))
    assert codes(("project/predictor.py", 9_000), *large, ("project/a.onnx", 2**19), ("project/b.pkl", 2**19)) == []


@pytest.mark.parametrize("path", ["key.pem", "deep/down/id_rsa", "Credentials.json", "my-service-account-3.json"])
def test_secrets_are_warned_of(path: str) -> None:
    """By name, whatever the folder and the case; an image is read by everyone who may pull it."""
    assert codes((f"project/{path}", 10)) == [("cxpack.secret_file", "warning")]


def test_every_pattern_is_matched_in_lower_case() -> None:
    """Names are compared after lowering them."""
    assert all(pattern == pattern.lower() for pattern in SECRETS)


def test_large_files_are_warned_of() -> None:
    """With their size and where they could go."""
    (fault,) = findings([("project/weights.bin", 3 * 2**30)])
    assert fault.severity == "warning"
    assert fault.message.startswith("weights.bin has 3.0 GiB; list it in .cortexignore, or keep it in S3")


def test_models_beside_the_code_are_told(tmp_path: Path) -> None:
    """All in one line, with what an edit costs; a large one has its own warning, a packed one is where it should be."""
    files = [("project/a.onnx", 3 * 2**20), ("project/b/c.pkl", 2**19), ("project/d.h5", 1), ("project/e.pt", 1)]
    (fault,) = findings([*files, ("models/iris/1/model.onnx", 5), ("project/notes.txt", 5)])
    assert (fault.code, fault.severity) == ("cxpack.model_file", "note")
    assert fault.message.startswith(
        "a.onnx, b/c.pkl, d.h5 and 1 more beside the code: an edited line builds and pushes these 3.5 MiB"
    )
    assert codes(("project/f.onnx", LARGE_FILE + 1)) == [("cxpack.large_file", "warning")]


def test_an_image_carries_its_own_models_only(tmp_path: Path) -> None:
    """A packed model is in the image of the API that names it, in no other, and several APIs are told so."""
    apis = "".join(
        f"- name: {name}\n  predictor: {{type: onnx, path: {name}.py, model_path: {name}/}}\n" for name in ("one", "two")
    )
    code = "class ONNXPredictor:\n    def __init__(self, onnx_client, config): ...\n    def predict(self, payload): ...\n"
    project = a_project(tmp_path, apis, one_dot_py=code, two_dot_py=code, one__1__m_dot_onnx=b"1", two__1__m_dot_onnx=b"2")
    checked = check(project)
    assert {problem.message for problem in checked.problems} == {
        f"{name} is packed for this API, and left out of the images of the others" for name in ("one", "two")
    }
    for api in checked.apis:
        assert api.context is not None
        held = [(file.path, file.read()) for file in api.context.files if file.path.endswith(".onnx")]
        assert held == [("models/_cortex_default/1/m.onnx", {"one": b"1", "two": b"2"}[api.spec.name])]


def test_models_beyond_the_limit_are_refused() -> None:
    """All of them together, with the way to S3."""
    (fault,) = findings([("models/a/1/model.onnx", PACKED_MODELS), ("models/b/1/model.onnx", 2**30)])
    assert (fault.code, fault.severity) == ("cxpack.models_too_large", "error")
    assert "3.0 GiB" in fault.message
    assert "aws s3 cp --recursive" in fault.message


def test_check_says_it(tmp_path: Path) -> None:
    """And goes on: a warning forbids nothing."""
    checked = check(a_project(tmp_path, secret__key_dot_pem="x"))
    assert checked.ok
    assert [problem.code for problem in checked.problems if problem.severity == "warning"] == ["cxpack.secret_file"]


def test_what_cortexignore_lists_is_not_spoken_of(tmp_path: Path) -> None:
    """Following the advice ends the warning."""
    assert not check(a_project(tmp_path, secret__key_dot_pem="x", _dot_cortexignore="secret/\n")).problems


def test_a_virtual_environment_is_left_out_and_named(tmp_path: Path) -> None:
    """Hidden ones are no surprise: nothing hidden is packed."""
    project = a_project(tmp_path, env__pyvenv_dot_cfg="", env__lib__big_dot_py="x", _dot_venv__pyvenv_dot_cfg="")
    checked = check(project)
    (problem,) = checked.problems
    assert (problem.severity, problem.code) == ("note", "cxpack.virtual_environment")
    assert problem.message.startswith("env/ is a virtual environment and is left out")
    (api,) = checked.apis
    assert api.context is not None
    assert not [file.path for file in api.context.files if "env/" in file.path]


def test_libraries_of_another_machine_are_warned_of() -> None:
    """By processor or by glibc, those of the project alone, and whatever else ends in .so is left alone."""
    ours, arm = library(0x3E), library(0xB7)
    files = [
        ("project/a.so", ours),
        ("project/lib/b.so.1.2", arm),
        ("project/c.so", b"text"),
        ("models/d.so", arm),
        ("project/e.py", arm),
    ]
    context = [ContextFile(path, content) for path, content in files]
    (fault,) = libraries(context, "x86_64", (2, 36))
    assert (fault.code, fault.severity) == ("cxpack.foreign_library", "warning")
    assert fault.message.startswith("lib/b.so.1.2 is built for arm64, and the image is for x86_64")
    (fault,) = libraries(context, "arm64", (2, 36))
    assert fault.message.startswith("a.so is built for x86_64")


def test_a_library_of_a_newer_system_is_warned_of() -> None:
    """With the glibc that it needs and the one that there is; it runs where that is new enough."""
    found = read_library(REAL.read_bytes())
    assert found is not None
    context = [ContextFile("project/native.so", REAL)]
    (fault,) = libraries(context, found.machine, (2, 2))
    assert "needs glibc 2." in fault.message
    assert "the image has 2.2" in fault.message
    assert not list(libraries(context, found.machine, (9, 0)))


def test_check_looks_into_libraries(tmp_path: Path) -> None:
    """What the image cannot load is said before it is built."""
    file = a_project(tmp_path)
    (tmp_path / "native.so").write_bytes(library(0xB7))
    assert [problem.code for problem in check(file).problems] == ["cxpack.foreign_library"]
