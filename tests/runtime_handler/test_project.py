"""The process as the user's code expects it."""

from pathlib import Path

import pytest

from tests.runtime_handler.harness import a_spec, serving, write_context


def test_environment_folder_and_import_path_are_cortexs(tmp_path: Path) -> None:
    """`.env` wins over `env`; python_path replaces the project's folder on the import path; the folder is the project's."""
    predictor = """
import os
from helper import NAME

class PythonPredictor:
    def __init__(self, config):
        try:
            import beside
            found = True
        except ImportError:
            found = False
        self.answer = [NAME, found, os.environ["FROM_ENV"], os.environ["BOTH"], open("data.txt").read(), config]

    def predict(self, payload):
        return self.answer
"""
    files = {
        "src/predictor.py": predictor,
        "src/helper.py": "NAME = 'helper'",
        "beside.py": "",
        ".env": "BOTH=dotenv\n",
        "data.txt": "data",
    }
    spec = a_spec(path="src/predictor.py", python_path="src", env={"FROM_ENV": "1", "BOTH": "env"}, config={"a": {"b": [1]}})
    with serving(write_context(tmp_path, files, spec)) as server:
        assert server.client.post("/iris").json() == ["helper", False, "1", "dotenv", "data", {"a": {"b": [1]}}]


KEYS = """
import os

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        return [os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")]
"""


@pytest.mark.parametrize(
    ("env", "seen"),
    [
        ({}, ["role", "token"]),
        ({"AWS_ACCESS_KEY_ID": "own"}, ["own", None]),
        ({"AWS_ACCESS_KEY_ID": "own", "AWS_SESSION_TOKEN": "mine"}, ["own", "mine"]),
    ],
    ids=["the role's", "keys of a user", "keys of a session"],
)
def test_keys_of_the_project_stand_without_the_roles_token(tmp_path: Path, env: dict[str, str], seen: list[str | None]) -> None:
    """AWS refuses keys beside a token that is not theirs, which Lambda has set before the project sets its keys."""
    context = write_context(tmp_path, {"predictor.py": KEYS}, a_spec(env=env))
    with serving(context, AWS_ACCESS_KEY_ID="role", AWS_SESSION_TOKEN="token") as server:
        assert server.client.post("/iris", json=0).json() == seen
