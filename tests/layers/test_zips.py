"""Zips made from an index's real wheels, unpacked as Lambda unpacks them and invoked under its emulator.

`make images` runs these beside the images: they need a package index.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from packager.bundle.bytecode import find_python
from packager.bundle.elf import read_library
from packager.bundle.parts import Part, packages_part
from packager.bundle.platform import FLAVOURS, GLIBC, Platform, flavour_pins
from packager.bundle.wheels import install, resolve
from tests.layers.containers import say
from tests.runtime_handler.emulator import emulating

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".venv" / "zips"
EXAMPLES = {"onnx": "onnx-iris", "python": "iris-classifier"}
BUDGET_MB = {"python-zip": 80, "onnx-zip": 130}
"""Megabytes (10^6) of a flavour's layer, unzipped, before bytecode; Lambda takes 262 with code and bytecode."""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = next((python for python in GLIBC if find_python(python)), HERE)
"""One of Lambda's versions where this machine has it, for then the interpreter can be its; otherwise ours."""

pytestmark = [pytest.mark.image, pytest.mark.timeout(900), pytest.mark.xdist_group("zips")]


def platform(architecture: Any = "x86_64") -> Platform:
    return Platform(python=PYTHON, architecture=architecture, glibc=(2, 34))


@pytest.fixture(scope="module")
def managed_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda's own Python runtime brings: /var/runtime with its interface client and boto3."""
    folder = tmp_path_factory.mktemp("runtime")
    install(resolve({"requirements.txt": b"awslambdaric\nboto3\n"}, platform()), platform(), folder, {})
    return folder


def unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)


@pytest.mark.skipif(PYTHON not in GLIBC, reason=f"none of the Pythons that Lambda's zips have is here: {', '.join(GLIBC)}")
@pytest.mark.parametrize("predictor", EXAMPLES)
def test_a_zip_runs_under_the_emulator(predictor: str, managed_runtime: Path, tmp_path: Path) -> None:
    """`cxpack synth` makes it; with only /var/task, /opt and Lambda's own runtime on the path it answers as expected."""
    project = tmp_path / EXAMPLES[predictor]
    shutil.copytree(ROOT / "examples" / project.name, project)
    text = (project / "cortex.yaml").read_text()
    (project / "cortex.yaml").write_text(
        text.replace("  compute:", f"  deploy: {{package: zip, python: '{PYTHON}'}}\n  compute:")
    )
    variables = {**os.environ, "XDG_CACHE_HOME": str(CACHE)}
    subprocess.run([sys.executable, "-m", "packager", "synth", project / "cortex.yaml"], check=True, cwd=ROOT, env=variables)

    (api, *others) = json.loads((project / "cxpack.out/manifest.json").read_text())["apis"]
    for part in range(len(api["bundle"]["layers"])):
        (inode,) = {(project / "cxpack.out" / each["bundle"]["layers"][part]).stat().st_ino for each in (api, *others)}
        assert inode, "APIs share their layers' files"
    unpack(project / "cxpack.out" / api["bundle"]["code"], tmp_path / "var/task")
    for layer in api["bundle"]["layers"]:
        unpack(project / "cxpack.out" / layer, tmp_path / "opt")
    path = [tmp_path / "var/task", tmp_path / "opt/python", managed_runtime]
    command = [str(find_python(PYTHON)), "-s", "-m", "awslambdaric", api["bundle"]["handler"]]
    with emulating(tmp_path / "var/task", command=command, PYTHONPATH=os.pathsep.join(map(str, path))) as function:
        body = (ROOT / "examples" / project.name / "request.json").read_bytes()
        answer = function.request("POST", api["endpoint"], headers={"content-type": "application/json"}, body=body)
        assert (answer.status_code, answer_of(answer)) == (200, expected_of(project)), function.log


def answer_of(response: Any) -> Any:
    return response.json() if response.headers["content-type"].startswith("application/json") else response.text


def expected_of(project: Path) -> Any:
    expected = json.loads((ROOT / "examples" / project.name / "expected.json").read_text())
    return expected.get(project.name, expected)


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
@pytest.mark.parametrize("flavour", FLAVOURS.values())
def test_flavours_are_for_their_machine_and_within_budget(flavour: str, architecture: Any, tmp_path: Path) -> None:
    """Every library is for the processor asked for, every module compiled; prints sizes and what was left out."""
    wanted = platform(architecture)
    part = packages_part(flavour_pins(flavour), wanted, CACHE / "cxpack" / "zips", say)
    bare = sum(part.packages.values())
    say(f"{flavour} {architecture}: {bare / 1e6:.0f} MB, with bytecode {part.size / 1e6:.0f}, zip {zipped(part) / 1e6:.0f}")
    assert bare / 1e6 < BUDGET_MB[flavour]
    contents = read(part)
    libraries = {path: read_library(content) for path, content in contents.items() if ".so" in path}
    assert {library.machine for library in libraries.values() if library} == {architecture}
    assert all(library.glibc is None or library.glibc <= wanted.glibc for library in libraries.values() if library)
    compiled = [path for path in contents if path.endswith(".pyc")]
    assert len(compiled) > 0.98 * sum(path.endswith(".py") for path in contents)
    assert all(contents[path][4] == 1 for path in compiled)


def test_the_same_wheels_give_the_same_bytes(tmp_path: Path) -> None:
    """Also with hundreds of modules, compiled by several processes, in another folder."""
    pinned = flavour_pins("python-zip")
    again = packages_part(pinned, platform(), tmp_path / "elsewhere", say)
    first = packages_part(pinned, platform(), CACHE / "cxpack" / "zips", say)
    one, other = read(first), read(again)
    assert not [path for path, content in one.items() if other[path] != content]
    assert first.file.read_bytes() == again.file.read_bytes()


def zipped(part: Part) -> int:
    return part.file.stat().st_size


def read(part: Part) -> Mapping[str, bytes]:
    with zipfile.ZipFile(part.file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
