"""`cxpack local`: every API of a project behind one address, for real."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from watchfiles import Change

from packager.local.watched import Watched
from tests.builders import PREDICTOR, a_project, an_api

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/expected.json"))
BOUND_SECONDS = 90


@dataclass
class Local:
    """A running `cxpack local`: the URLs of its ready APIs by name, and what it has said on standard error."""

    process: subprocess.Popen[str]
    urls: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def wait_for(self, text: str) -> None:
        """Until a line on standard error holds the text; the bound on the process ends the wait."""
        assert self.process.stderr is not None
        while not any(text in line for line in self.said):
            line = self.process.stderr.readline()
            assert line, f"ended without saying {text!r}: {''.join(self.said)}"
            self.said.append(line)


@contextmanager
def local(file: Path, *arguments: str, apis: int = 1) -> Iterator[Local]:
    """`cxpack local` on a free port, from the moment `apis` APIs are ready to its end."""
    command = [sys.executable, "-m", "packager", "local", str(file), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        running = Local(process)
        bound = threading.Timer(BOUND_SECONDS, process.kill)
        bound.start()
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            for _ in range(apis):
                line = process.stdout.readline()
                if not line.startswith("ready http://"):
                    process.terminate()
                    pytest.fail(line + process.stderr.read())
                running.urls[line.strip().rpartition("/")[2]] = line.split()[1]
            yield running
        finally:
            process.terminate()
            process.wait()
            bound.cancel()


def content(response: httpx.Response) -> Any:
    return response.json() if response.headers["content-type"] == "application/json" else response.text


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an example with its models, as a user has it after export.py."""
    folder = tmp_path / request.param
    shutil.copytree(ROOT / "examples" / request.param, folder, ignore=shutil.ignore_patterns("cxpack.out", "cdk.*"))
    assert (folder / "models").is_dir(), "run `make examples`"
    return folder


def test_every_example_answers_its_request_as_expected(example: Path) -> None:
    """The examples are documentation: request.json gets expected.json from every API."""
    expected = json.loads((example / "expected.json").read_text())
    names = [line.split()[2] for line in (example / "cortex.yaml").read_text().splitlines() if line.startswith("- name:")]
    with local(example / "cortex.yaml", apis=len(names)) as running:
        assert sorted(running.urls) == sorted(names)
        for name, url in running.urls.items():
            headers = {"content-type": "application/json"}
            response = httpx.post(url, content=(example / "request.json").read_bytes(), headers=headers, timeout=60)
            wanted = expected[name] if isinstance(expected, dict) and set(expected) == set(names) else expected
            assert (response.status_code, content(response)) == (200, wanted)
            described = httpx.get(url).json()
            assert described["message"]
            if example.name == "tensorflow-iris":
                [signature] = described["model_metadata"].values()
                assert signature.keys() == {"signature_key", "input_signatures", "timestamp"}


def test_the_address_routes_by_exact_endpoint(tmp_path: Path) -> None:
    """Each endpoint reaches its API, below `/-/` its status, and any other path is told the endpoints."""
    file = a_project(tmp_path, an_api("one", predictor="config: {n: 1}") + an_api("two", networking="{endpoint: /a/b}"))
    with local(file, apis=2) as running:
        base = running.urls["one"].removesuffix("/one")
        assert httpx.post(f"{base}/one", json=5).json() == {"config": {"n": 1}, "payload": 5}
        assert httpx.post(f"{base}/a/b", json=[]).json() == {"config": {}, "payload": []}
        assert httpx.get(f"{base}/one/-/status").json()["api"] == "one"
        missing = httpx.post(f"{base}/two", json=1)
        assert missing.status_code == 404
        assert missing.json() == {"error": "no API at /two; the endpoints are /one, /a/b", "kind": "endpoint_not_found"}


def test_a_body_passes_unchanged(tmp_path: Path) -> None:
    """Query, headers and megabytes of bytes arrive as they were sent, and what was not sent is not added."""
    predictor = """\
class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload, query_params, headers):
        return {"bytes": len(payload), "q": query_params["q"], "agent": headers.get("user-agent", "none")}
"""
    with local(a_project(tmp_path, predictor_dot_py=predictor)) as running:
        body = bytes(range(256)) * 20_000
        with httpx.Client() as client:
            client.headers.clear()
            response = client.post(running.urls["echo"], params={"q": "a b&c"}, content=body)
        assert response.json() == {"bytes": len(body), "q": "a b&c", "agent": "none"}


def test_one_api_that_cannot_start_does_not_take_down_its_neighbour(tmp_path: Path) -> None:
    """The user's traceback is shown with the API's name; the other API serves; the broken one answers 503."""
    file = a_project(
        tmp_path,
        an_api("good") + an_api("broken").replace("predictor.py", "broken.py"),
        broken_dot_py="import nothing_like_this\n\n\nclass PythonPredictor:\n    def __init__(self, config):\n        pass\n\n"
        "    def predict(self, payload):\n        return 1\n",
    )
    with local(file) as running:
        running.wait_for("broken: ended with exit status")
        said = "".join(running.said)
        assert "ModuleNotFoundError: No module named 'nothing_like_this'" in said
        assert "broken.py" in said
        assert httpx.post(running.urls["good"], json=1).status_code == 200
        response = httpx.post(running.urls["good"].replace("good", "broken"), json=1)
        assert (response.status_code, response.json()["kind"]) == (503, "not_running")


def test_it_ends_with_status_1_when_no_api_is_left(tmp_path: Path) -> None:
    """Nothing to serve is no success."""
    file = a_project(
        tmp_path,
        predictor_dot_py="raise RuntimeError('no model today')\n\n\nclass PythonPredictor:\n"
        "    def __init__(self, config):\n        pass\n\n    def predict(self, payload):\n        return 1\n",
    )
    command = [sys.executable, "-m", "packager", "local", str(file), "--port", "0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "RuntimeError: no model today" in result.stderr
    assert result.stderr.count("Traceback") == 1, "theirs, whole, and none of ours"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the replicas and the front, with exit status 0."""
    with local(a_project(tmp_path, an_api("one") + an_api("two")), apis=2) as running:
        running.process.send_signal(number)
        assert running.process.wait(40) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(running.urls["one"])


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """The remedy stands in the message, and nothing was started."""
    file = a_project(tmp_path)
    with local(file) as running:
        port = httpx.URL(running.urls["echo"]).port
        command = [sys.executable, "-m", "packager", "local", str(file), "--port", str(port)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1] == (
        f"error: cannot listen on 127.0.0.1:{port} (Address already in use); choose another port with --port"
    )


def test_predict_asks_the_running_local(tmp_path: Path) -> None:
    """`cxpack predict NAME FILE --local` finds the endpoint in cortex.yaml; a URL works as well."""
    file = a_project(tmp_path, an_api(networking="{endpoint: /deep/echo}"), body_dot_json='{"a": [1, 2]}')
    with local(file) as running:
        [url] = running.urls.values()
        base = [sys.executable, "-m", "packager", "predict"]
        by_name = [*base, "echo", "body.json", "--local", "--port", str(httpx.URL(url).port)]
        for command in (by_name, [*base, url, "body.json"]):
            result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert (result.returncode, json.loads(result.stdout)) == (0, {"config": {}, "payload": {"a": [1, 2]}}), result.stderr


def test_requirements_that_this_environment_does_not_meet_are_named(tmp_path: Path) -> None:
    """Nothing is installed; one line for each requirement says what is different here."""
    requirements = "numpy==1.16.*\nno-such-package\npyyaml\n# a comment\n-e .\ngit+https://example.org/x.git\n"
    with local(a_project(tmp_path, requirements_dot_txt=requirements)) as running:
        running.wait_for("starting echo")
        said = "".join(running.said)
    assert "requirements.txt:1: numpy==1.16.* is asked for, numpy " in said
    assert "requirements.txt:2: no-such-package is not installed here" in said
    assert "pyyaml" not in said


def test_reload_serves_new_code_and_keeps_the_old_when_it_does_not_start(tmp_path: Path) -> None:
    """An edit restarts the API that it changes; a mistake, found by check or at the start, is shown while the old one serves."""
    version = PREDICTOR.replace('{"config": self.config, "payload": payload}', "{}")
    file = a_project(
        tmp_path,
        an_api("one") + an_api("two").replace("predictor.py", "other.py"),
        predictor_dot_py=version.format(1),
        other_dot_py=version.format(1),
    )
    with local(file, "--reload", apis=2) as running:
        running.wait_for("two info: ready")
        (tmp_path / "predictor.py").write_text(version.format(2))
        running.wait_for("one: restarted with the new code")
        assert httpx.post(running.urls["one"], json=0).json() == 2
        (tmp_path / "predictor.py").write_text("import no_such_module\n\n\n" + version.format(3))
        running.wait_for("one: the new code does not start")
        assert httpx.post(running.urls["one"], json=0).json() == 2
        (tmp_path / "predictor.py").write_text("class PythonPredictor(\n")
        running.wait_for("the old code goes on serving")
        assert httpx.post(running.urls["one"], json=0).json() == 2
        (tmp_path / "predictor.py").write_text(version.format(4))
        running.said.clear()
        running.wait_for("one: restarted with the new code")
        assert httpx.post(running.urls["one"], json=0).json() == 4
        assert not any(line.startswith("two: restarted") for line in running.said)


def test_lines_that_go_into_a_file_of_the_project_are_no_edit(tmp_path: Path) -> None:
    """`cxpack local --reload 2>local.log` would restart for each line, and say so in a line."""
    with (tmp_path / "local.log").open("w") as output:
        watched = Watched([output.fileno()])
        for name, counts in (("local.log", False), ("predictor.py", True), ("deleted.py", True), (".git/index", False)):
            if name == "predictor.py":
                (tmp_path / name).touch()
            assert watched(Change.modified, str(tmp_path / name)) is counts, name
