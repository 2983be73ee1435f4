"""The CPU flavours as images: built, then run as each of the three platforms runs them, from one and the same image.

`make images` runs these; they need root, buildah and debootstrap, and minutes.
"""

import base64
import contextlib
import functools
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.layers.containers import EMULATOR, Container, Image, build, missing, mounted, running, say
from tests.packager.bundle.wheelhouse import wheel

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = {"python-cpu": "iris-classifier", "onnx-cpu": "onnx-iris", "tensorflow-cpu": "tensorflow-iris"}
BUDGET_MB = {"python-cpu": 440, "onnx-cpu": 300, "tensorflow-cpu": 1950}
"""Megabytes (10^6) of the uncompressed image above its base; Lambda takes 10,240 with the base."""
IMPORT_BUDGET_MS = {"python-cpu": 2500, "onnx-cpu": 500, "tensorflow-cpu": 8000}
"""CPU time of importing the handler and FRAMEWORK in a new process: three to four times what two cores of 2024 take."""
FRAMEWORK = {"python-cpu": "sklearn", "onnx-cpu": "onnxruntime", "tensorflow-cpu": "tensorflow"}
NOBODY = 65534
WANTED = os.environ.get("IMAGES", " ".join(EXAMPLES)).split()
START_S = 90

pytestmark = [
    pytest.mark.image,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]


@pytest.fixture(scope="module", params=[pytest.param(flavour, marks=pytest.mark.xdist_group("images")) for flavour in WANTED])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def image(flavour: str, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The flavour's image of the first API of its example."""
    return build(context(flavour, tmp_path_factory.mktemp(flavour)), f"cxpack-{flavour}")


def context(flavour: str, folder: Path, more: Path | None = None) -> Path:
    """The context of the flavour's example, as `cxpack synth` writes it; the files of `more` are put into the project."""
    example = EXAMPLES[flavour]
    project = folder / example
    shutil.copytree(ROOT / "examples" / example, project)
    if more is not None:
        shutil.copytree(more, project, dirs_exist_ok=True)
    subprocess.run([sys.executable, "-m", "packager", "synth", project / "cortex.yaml"], check=True, cwd=ROOT)
    (api, *_) = json.loads((project / "cxpack.out/manifest.json").read_text())["apis"]
    return project / "cxpack.out" / api["image"]["context"]


def request_of(flavour: str) -> bytes:
    return (ROOT / "examples" / EXAMPLES[flavour] / "request.json").read_bytes()


def expected_of(flavour: str) -> Any:
    """The answer of the example's first API."""
    expected = json.loads((ROOT / "examples" / EXAMPLES[flavour] / "expected.json").read_text())
    return expected.get(EXAMPLES[flavour], expected)


def answer_of(body: bytes, content_type: str) -> Any:
    return json.loads(body) if content_type.startswith("application/json") else body.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(url: str, body: bytes | None = None) -> tuple[int, Any]:
    """Status and decoded answer, also of an error."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, answer_of(response.read(), response.headers.get("content-type", ""))
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def fetch_when_up(container: Container, url: str, body: bytes | None = None) -> tuple[int, Any]:
    """The first answer that is not 503; fails when the container ends first or START_S have passed."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError, urllib.error.URLError):
            status, answer = fetch(url, body)
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                return status, answer
        with contextlib.suppress(subprocess.TimeoutExpired):
            container.process.wait(0.1)
            pytest.fail(f"the container ended with {container.process.returncode}")
    pytest.fail(f"{url} did not answer within {START_S} s")


def test_server_of_ecs(flavour: str, image: Image) -> None:
    """A prediction over HTTP, as a user without rights on a file system without writes; SIGTERM ends it in order."""
    port = free_port()
    name = EXAMPLES[flavour]
    with running(image, *image.config["Entrypoint"], environment={"PORT": str(port)}) as container:
        assert fetch_when_up(container, f"http://127.0.0.1:{port}/-/ready")[0] == 200
        assert fetch(f"http://127.0.0.1:{port}/{name}", request_of(flavour)) == (200, expected_of(flavour))
        status = Path(f"/proc/{container.init}/status").read_text()
        assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}\n" in status
        root, *_ = (line.split() for line in Path(f"/proc/{container.init}/mounts").read_text().splitlines() if " / " in line)
        assert "ro" in root[3].split(",")
        assert container.stop() == 0


def test_lambda_function(flavour: str, image: Image) -> None:
    """An invocation through the runtime interface emulator, with an event of API Gateway's HTTP API."""
    port = free_port()
    name = EXAMPLES[flavour]
    emulator = [f"/mnt/{EMULATOR.name}", "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    emulator += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    event = {
        "version": "2.0",
        "routeKey": f"POST /{name}",
        "rawPath": f"/{name}",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "requestContext": {
            "http": {"method": "POST", "path": f"/{name}", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": request_of(flavour).decode(),
        "isBase64Encoded": False,
    }
    with running(
        image, *emulator, *image.config["Entrypoint"], environment={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"}, mount=EMULATOR.parent
    ) as container:
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        status, answer = fetch_when_up(container, url, json.dumps(event).encode())
    answer = json.loads(answer) if isinstance(answer, str) else answer
    assert (status, answer["statusCode"]) == (200, 200)
    assert answer_of(answer["body"].encode(), answer["headers"]["content-type"]) == expected_of(flavour)


def test_sagemaker_container(flavour: str, image: Image) -> None:
    """Started with `serve` on the port that SageMaker names: /ping, then /invocations."""
    port = free_port()
    with running(image, *image.config["Entrypoint"], "serve", environment={"SAGEMAKER_BIND_TO_PORT": str(port)}) as container:
        assert fetch_when_up(container, f"http://127.0.0.1:{port}/ping")[0] == 200
        assert fetch(f"http://127.0.0.1:{port}/invocations", request_of(flavour)) == (200, expected_of(flavour))


def test_the_image_is_as_small_as_promised(flavour: str, image: Image) -> None:
    """Its size above the base stays within the budget; prints the largest layers."""
    sizes = [size for _, size in image.layers[1:]]
    largest = [f"{size / 1e6:.0f}" for size in sorted(sizes)[:-4:-1]]
    say(f"{flavour}: {sum(sizes) / 1e6:.0f} MB above the base; the largest layers {', '.join(largest)} MB")
    assert sum(sizes) / 1e6 < BUDGET_MB[flavour]


def test_modules_are_shipped_compiled(flavour: str, image: Image) -> None:
    """Importing the runtime and its framework compiles nothing and stays within its budget, which a cold start pays."""
    program = f"""
import importlib.util, sys, time
start, cpu = time.perf_counter(), time.process_time()
import runtime_handler.entrypoints.aws_lambda, {FRAMEWORK[flavour]}
print(round((time.process_time() - cpu) * 1000), round((time.perf_counter() - start) * 1000), len(sys.modules))
for module in list(sys.modules.values()):
    source = getattr(module, '__file__', None) or ''
    if source.startswith(('/opt/venv', '/var/task')) and source.endswith('.py'):
        with open(importlib.util.cache_from_source(source), 'rb') as file:
            assert file.read(8)[4] == 1, source  # PEP 552: a hash that is not checked
"""
    with running(image, "python", "-c", program, environment={}) as container:
        output, _ = container.process.communicate(timeout=START_S)
    assert container.process.returncode == 0
    cpu, wall, modules = map(int, output.split())
    say(f"{flavour}: importing the handler and {FRAMEWORK[flavour]}: {cpu} ms of CPU, {wall} ms, {modules} modules")
    assert cpu < IMPORT_BUDGET_MS[flavour]


def test_an_edited_predictor_changes_the_last_layer(flavour: str, image: Image, tmp_path: Path) -> None:
    """What is built, stored and pulled again after an edit is the project's own layer."""
    edited = context(flavour, tmp_path)
    with (edited / "project" / "predictor.py").open("a") as file:
        file.write("# edited\n")
    again = build(edited, f"cxpack-{flavour}-edited")
    assert [digest for digest, _ in again.layers[:-1]] == [digest for digest, _ in image.layers[:-1]]
    assert again.layers[-1] != image.layers[-1]


CONDA = """\
#!/bin/sh
# In place of conda: takes note of its arguments, and of the files that they name.
echo "$@" | cat - "$4" >> /opt/order
"""
DEPENDENCIES = {
    "dependencies.sh": "echo first > /opt/order && cp greeting.txt /opt/greeting\n"
    "cp conda.sh /usr/local/bin/conda && chmod +x /usr/local/bin/conda\n",
    "greeting.txt": "hello from a file that dependencies.sh names\n",
    "conda.sh": CONDA,
    "conda-packages.txt": "libsndfile=1.2\n",
    "requirements.txt": "--find-links ./wheels\nours\n",
}
PASSWORD = "kept-out-of-every-layer"


def test_dependencies_are_installed_while_building(flavour: str, tmp_path: Path) -> None:
    """dependencies.sh, conda and pip in this order with the project's own files; an index asks for a password of netrc.

    No secret of the build is left in the image.
    """
    if flavour != WANTED[0]:
        pytest.skip("the same instructions in every flavour: tried with the first")
    project = tmp_path / "project"
    for name, text in DEPENDENCIES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    wheel(project / "wheels", "ours", "1.0", {"ours.py": b"import theirs\n\ndef speak():\n    return theirs.GREETING\n"})
    wheel(tmp_path / "index" / "theirs", "theirs", "1.0", {"theirs.py": b"GREETING = open('/opt/greeting').read()\n"})
    with private_index(tmp_path / "index", f"builder:{PASSWORD}") as url:
        with (project / "requirements.txt").open("a") as file:
            file.write(f"--extra-index-url {url}\ntheirs\n")
        netrc = f"machine 127.0.0.1 login builder password {PASSWORD}\n"
        built = build(context(flavour, tmp_path, project), f"cxpack-{flavour}-dependencies", netrc=netrc)
    program = """
import ours, pathlib
assert open('/opt/order').read() == 'first\\ninstall --yes --file conda-packages.txt\\nlibsndfile=1.2\\n'
assert not pathlib.Path('/etc/pip.conf').exists()
assert open(ours.__cached__, 'rb').read(8)[4] == 1
print(ours.speak(), end='')
"""
    with running(built, "python", "-c", program, environment={}) as container:
        output, _ = container.process.communicate(timeout=START_S)
    assert output.decode() == DEPENDENCIES["greeting.txt"]
    with mounted(built) as root:
        found = subprocess.run(["grep", "-rlF", PASSWORD, root], capture_output=True, text=True, check=False, timeout=120)
        assert (found.returncode, found.stdout) == (1, "")


@contextlib.contextmanager
def private_index(folder: Path, login: str) -> Iterator[str]:
    """The address of a package index on loopback that serves `folder` to who has the login."""
    expected = f"Basic {base64.b64encode(login.encode()).decode()}"

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("authorization") == expected:
                super().do_GET()
            else:
                self.send_response(HTTPStatus.UNAUTHORIZED)
                self.send_header("www-authenticate", "Basic")
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
