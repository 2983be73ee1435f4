"""Where the user's code may write."""

import subprocess
import sys
from pathlib import Path

import pytest

from runtime_handler.writable import HOME, ensure_home, link_files, working_folder
from tests.runtime_handler.harness import a_spec, serving, write_context

READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
"""For bash in a mount namespace of its own: makes a folder read-only and becomes a command."""

WRITER = """
from pathlib import Path
from helper import NAME

class PythonPredictor:
    def __init__(self, config):
        Path("downloaded.txt").write_text(NAME)
        Path("data/more.txt").write_text("more")
        Path("data/labels.txt").rename("old.txt")

    def predict(self, payload):
        return [Path(name).read_text() for name in ("downloaded.txt", "data/more.txt", "old.txt")]
"""
FILES = {"predictor.py": WRITER, "helper.py": "NAME = 'helper'", "data/labels.txt": "labels"}


def _can_unshare() -> bool:
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _can_unshare(), reason="mount namespaces need root")
def test_a_predictor_writes_beside_itself_in_a_read_only_container(tmp_path: Path) -> None:
    """As in Cortex: relative paths can be written, the project's files are there, and the project stays as it is."""
    context, store = write_context(tmp_path / "context", FILES), tmp_path / "store" / "models"
    script = "from runtime_handler.entrypoints.compose import compose, read_spec\n"
    script += "from runtime_handler.entrypoints.settings import read_settings\n"
    script += "from runtime_handler.request import Request\n"
    script += "settings = read_settings()\nservice = compose(read_spec(settings), settings).service\nservice.start()\n"
    script += "print(service.predict(Request(b'0', 'application/json', [], b'', 'id')).body.decode())"
    command = ["unshare", "--mount", "bash", "-ec", READ_ONLY, "bash", str(context), sys.executable, "-c", script]
    environment = {"CXPACK_MODEL_STORE": str(store), "CXPACK_API": str(context / "api.json"), "PATH": "/usr/bin:/bin"}
    for _ in range(2):  # an environment that starts again
        done = subprocess.run(command, cwd=context, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.stdout.splitlines()[-1:], done.returncode) == (['["helper", "more", "labels"]'], 0), done.stderr
    assert sorted(path.name for path in (context / "project").rglob("*.txt")) == ["labels.txt"]


def test_a_writable_project_is_the_working_directory(tmp_path: Path) -> None:
    """Nothing stands in for it, and nothing is made."""
    project = tmp_path / "project"
    project.mkdir()
    assert working_folder(project, tmp_path / "stand-in") == project
    assert not (tmp_path / "stand-in").exists()


def test_links_leave_what_is_there(tmp_path: Path) -> None:
    """What a predictor has written before its process started again outlives that; compiled code is left out."""
    project, stand_in = tmp_path / "project", tmp_path / "stand-in"
    for name in ("a/b/c.txt", "top.txt", "__pycache__/x.pyc"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    link_files(project, stand_in)
    (stand_in / "top.txt").unlink()
    (stand_in / "top.txt").write_text("mine")
    link_files(project, stand_in)
    found = {str(path.relative_to(stand_in)): path.read_text() for path in stand_in.rglob("*.*")}
    assert found == {"a/b/c.txt": "a/b/c.txt", "top.txt": "mine"}


def test_a_home_that_can_be_written_to(tmp_path: Path) -> None:
    """Libraries that keep downloads below HOME find a folder; one that there is stays."""
    for given, expected in (({}, HOME), ({"HOME": "/nonexistent"}, HOME), ({"HOME": str(tmp_path)}, str(tmp_path))):
        environ = dict(given)
        ensure_home(environ)
        assert environ["HOME"] == expected


def test_headers_have_a_request_id(tmp_path: Path) -> None:
    """`headers["x-request-id"]` is the caller's, and otherwise the one that the answer carries, as behind Cortex's proxy."""
    predictor = """
class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, headers):
        return headers["x-request-id"]
"""
    with serving(write_context(tmp_path, {"predictor.py": predictor}, a_spec())) as server:
        made = server.client.post("/iris", json=0)
        assert made.text == made.headers["x-request-id"]
        assert server.client.post("/iris", json=0, headers={"X-Request-Id": "mine"}).text == "mine"
