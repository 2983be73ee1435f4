"""The process as the user's code expects it."""

from pathlib import Path

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
