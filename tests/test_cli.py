"""The `cxpack` command line: what a user sees, with their mistakes first."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import a_project, an_api

HEAVY = {
    "yaml",
    "boto3",
    "botocore",
    "aws_cdk",
    "jsii",
    "numpy",
    "onnxruntime",
    "tensorflow",
    "fastapi",
    "uvicorn",
    "httpx",
    "asyncio",
}


def cxpack(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "packager", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_check_prints_target_size_and_reason_of_every_api(tmp_path: Path) -> None:
    """One line an API on standard output, nothing else there, and nothing on disk."""
    file = a_project(tmp_path, an_api("small") + an_api("large", compute="{gpu: 1, mem: 4G}"))
    before = sorted(tmp_path.rglob("*"))
    result = cxpack("check", cwd=tmp_path)
    small, large = result.stdout.splitlines()
    assert result.returncode == 0
    assert small.split()[:4] == ["small", "lambda", "512", "MB"]
    assert large.split()[:3] == ["large", "ecs", "g4dn.xlarge"]
    assert "lambda refuses: gpu 1 is asked for, and it has none" in large
    assert sorted(tmp_path.rglob("*")) == before
    assert file.exists()


def test_check_as_json_has_the_documented_keys(tmp_path: Path) -> None:
    """Scripts read ok, apis and problems, whether or not the file is good."""
    a_project(tmp_path, an_api(compute="{cpus: 1}"))
    result = cxpack("check", "--format", "json", cwd=tmp_path)
    body = json.loads(result.stdout)
    assert result.returncode == 1
    assert body.keys() == {"ok", "apis", "problems"}
    assert body["ok"] is False
    [problem] = [problem for problem in body["problems"] if problem["severity"] == "error"]
    assert problem.keys() >= {"severity", "code", "file", "line", "path", "message"}
    assert (problem["code"], problem["file"], problem["line"]) == ("configreader.unsupported_key", "cortex.yaml", 5)
    assert "did you mean" in problem["message"]
    (tmp_path / "cortex.yaml").write_text(an_api())
    [api] = json.loads(cxpack("check", "--format", "json", cwd=tmp_path).stdout)["apis"]
    assert api == {"name": "echo", "kind": "RealtimeAPI", "target": "lambda", "size": "512 MB", "reason": api["reason"]}


MISTAKES = {
    "no file": ({"cortex.yaml": None}, "cortex.yaml"),
    "a typo in a key": ({"cortex.yaml": an_api(compute="{gpus: 1}")}, 'did you mean "gpu"'),
    "a missing predictor": ({"predictor.py": None}, "predictor.py"),
    "not YAML": ({"cortex.yaml": "- name: [\n"}, "cortex.yaml:"),
    "a syntax error in the predictor": ({"predictor.py": "class PythonPredictor(\n"}, "predictor.py"),
    "the wrong class": ({"predictor.py": "class Predictor:\n    pass\n"}, "PythonPredictor"),
    "a link out of the project": ({"link": Path("/etc/hostname")}, "link is a symbolic link"),
}


@pytest.mark.parametrize("command", ["check", "synth", "local"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_clear_sentence_and_writes_nothing(tmp_path: Path, command: str, mistake: str) -> None:
    """Exit status 1, the file's name and the remedy, no traceback, the folder as it was."""
    a_project(tmp_path)
    files, said = MISTAKES[mistake]
    for name, content in files.items():
        path = tmp_path / name
        if content is None:
            path.unlink()
        elif isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_text(content)
    before = sorted(tmp_path.rglob("*"))
    result = cxpack(command, cwd=tmp_path)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_synth_writes_the_output_and_the_next_command(tmp_path: Path) -> None:
    """creating, then unchanged; the last line is what to type next; cdk.json is written once and never touched again."""
    a_project(tmp_path, an_api("one") + an_api("two"))
    first = cxpack("synth", cwd=tmp_path)
    assert first.stdout.splitlines() == ["creating one", "creating two", "next: cdk deploy --all"]
    assert json.loads((tmp_path / "cdk.json").read_text())["app"] == "python -P -m cdk_app"
    (tmp_path / "cdk.json").write_text('{"app": "mine"}')
    (tmp_path / "cortex.yaml").write_text(an_api("one") + an_api("two", predictor="config: {x: 1}"))
    second = cxpack("synth", cwd=tmp_path)
    assert second.stdout.splitlines() == ["unchanged one", "creating two", "next: cdk deploy --all"]
    assert (tmp_path / "cdk.json").read_text() == '{"app": "mine"}'


def test_the_root_and_the_written_cdk_json_run_the_same_app(tmp_path: Path) -> None:
    """What works in this repository works in the user's folder."""
    from packager.synth import CDK_JSON

    root = json.loads((Path(__file__).parent.parent / "cdk.json").read_text())
    assert root["app"] == CDK_JSON["app"]


def test_the_next_command_fits_where_it_is_typed(tmp_path: Path) -> None:
    """From another folder it changes into the project; with -o it names the manifest."""
    a_project(tmp_path / "my shop")
    result = cxpack("synth", "my shop/cortex.yaml", "-o", "elsewhere", cwd=tmp_path)
    manifest = tmp_path / "elsewhere/manifest.json"
    assert result.stdout.splitlines()[-1] == f"next: cd 'my shop' && cdk deploy --all -c cxpack:manifest={manifest}"
    assert manifest.exists()
    assert not (tmp_path / "my shop/cxpack.out").exists()


def test_batch_apis_are_checked_and_left_out(tmp_path: Path) -> None:
    """BatchAPI beside a RealtimeAPI is a warning; alone it passes check, and synth says that nothing is left."""
    batch = an_api("nightly").replace("- name: nightly\n", "- name: nightly\n  kind: BatchAPI\n")
    a_project(tmp_path, batch + an_api("live"))
    result = cxpack("synth", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout.splitlines()[0] == "creating live"
    assert "BatchAPI" in result.stderr
    (tmp_path / "cortex.yaml").write_text(batch)
    assert cxpack("check", cwd=tmp_path).returncode == 0
    alone = cxpack("synth", cwd=tmp_path)
    assert alone.returncode == 1
    assert "no API that can be deployed" in alone.stderr
    [problem] = [
        p for p in json.loads(cxpack("synth", "--format", "json", cwd=tmp_path).stdout)["problems"] if p["severity"] == "error"
    ]
    assert problem["code"] == "deploy.nothing_to_deploy"
    [entry] = json.loads(cxpack("check", "--format", "json", cwd=tmp_path).stdout)["apis"]
    assert (entry["kind"], entry["target"]) == ("BatchAPI", None)


@pytest.mark.parametrize(
    "arguments",
    [[], ["deploy"], ["check", "--format", "xml"], ["synth", "a", "b"], ["predict", "x"], ["local", "--port", "70000"]],
)
def test_wrong_usage_is_status_2(tmp_path: Path, arguments: list[str]) -> None:
    """Usage mistakes are told apart from problems in files."""
    result = cxpack(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert "usage: cxpack" in result.stderr


def test_predict_explains_what_is_wrong_before_it_asks(tmp_path: Path) -> None:
    """A file that is not JSON, a missing file, a name that is not in the file, nobody listening: one sentence each."""
    a_project(tmp_path, body_dot_json="{")
    for arguments, said in [
        (["http://127.0.0.1:9/", "body.json"], "body.json: is not JSON"),
        (["http://127.0.0.1:9/", "none.json"], "none.json: cannot be read (No such file or directory)"),
        (["http://127.0.0.1:9/", "cdk.json"], "does not answer"),
        (["shop", "cdk.json", "--local"], "has no API shop; it has: echo"),
    ]:
        (tmp_path / "cdk.json").write_text("{}")
        result = cxpack("predict", *arguments, cwd=tmp_path)
        assert result.returncode == 1
        assert said in result.stderr
        assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """`cxpack --help` costs about as much as Python itself; the time is printed, the imports are asserted."""
    script = f"""\
import sys
from packager.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code == 0
print(*sys.modules, file=sys.stderr)
"""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    bare = time.perf_counter() - started
    started = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    print(f"cxpack {' '.join(arguments)}: {time.perf_counter() - started - bare:.3f} s beyond bare Python")
    assert HEAVY.isdisjoint(result.stderr.split())


def test_check_imports_only_what_reading_needs(tmp_path: Path) -> None:
    """`cxpack check` reads YAML, and touches neither AWS's client nor anything that serves, nor another command.

    Nor dataclasses: one takes eight times what a named tuple does to make, and seventy of them took a third of a check.
    """
    a_project(tmp_path)
    script = "import sys; from packager.cli import main; assert main(['check']) == 0; print(*sys.modules, file=sys.stderr)"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    bare = time.perf_counter() - started
    started = time.perf_counter()
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    print(f"cxpack check: {time.perf_counter() - started - bare:.3f} s beyond bare Python")
    loaded = set(result.stderr.split())
    assert (HEAVY - {"yaml"} | {"dataclasses", "inspect"}).isdisjoint(loaded)
    commands = {name for name in loaded if name.startswith("packager.commands.")}
    assert commands == {"packager.commands.arguments", "packager.commands.check"}


def test_the_project_itself_is_no_output_folder(tmp_path: Path) -> None:
    """Contexts beside the sources would be sources at the next synth."""
    a_project(tmp_path)
    result = cxpack("synth", "-o", ".", cwd=tmp_path)
    assert (result.returncode, "the project's own folder" in result.stderr) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cortex.yaml", "predictor.py"]


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1:strict", "ascii:strict"])
def test_any_text_is_written_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """Names of files that are no text, and letters that the terminal lacks, are escapes and end no command."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    a_project(folder, an_api(compute="{mem: 日本}"), notes_dot_txt="x")
    (folder / os.fsdecode(b"\xff.pem")).write_text("")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "packager", *map(str, arguments)]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", errors="replace", timeout=60
        )

    said = run("check", folder / "cortex.yaml", "--format", "json")
    problems = json.loads(said.stdout)["problems"]
    assert said.stderr == ""
    assert "日本" in problems[0]["message"]
    assert os.fsencode(problems[0]["file"]) == os.fsencode(folder / "cortex.yaml")
    a_project(folder)
    for command in ("check", "synth"):
        said = run(command, folder / "cortex.yaml")
        assert said.returncode == 0
        assert "\\udcff.pem looks like a secret" in said.stderr
    assert "next: cd" in said.stdout


@pytest.mark.parametrize("arguments", [["check"], ["check", "--format", "json"], ["synth"], ["schema"]])
def test_a_full_disk_behind_the_output_is_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    """Exit status 1, for nobody has seen the result."""
    a_project(tmp_path)
    command = [sys.executable, "-m", "packager", *arguments]
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        silent = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=full, timeout=60)
    assert said.returncode == silent.returncode == 1
    assert said.stderr.splitlines()[-1] == "error: the output cannot be written: No space left on device"
    assert "Traceback" not in said.stderr
    assert "Exception ignored" not in said.stderr


def test_a_reader_that_has_seen_enough_is_no_mistake(tmp_path: Path) -> None:
    """As with `| head -1`: nothing is said."""
    a_project(tmp_path, "".join(map(an_api, map("api-{}".format, range(50)))))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "packager", "check"]
    said = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (said.returncode, said.stderr) == (0, "")


def test_what_cannot_be_written_is_a_problem_in_json_too(tmp_path: Path) -> None:
    """Who asks for JSON gets some, whatever the reason; the sentence stands on standard error all the same."""
    a_project(tmp_path)
    (tmp_path / "taken").write_text("a file")
    for folder in ("taken", "."):
        result = cxpack("synth", "-o", folder, "--format", "json", cwd=tmp_path)
        answer = json.loads(result.stdout)
        [problem] = [each for each in answer["problems"] if each["severity"] == "error"]
        assert (result.returncode, answer["ok"], problem["code"]) == (1, False, "cxpack.not_written")
        assert result.stderr == f"error: {problem['message']}\n"
