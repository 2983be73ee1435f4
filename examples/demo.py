"""`make demo`: a Cortex project checked, synthesized, turned into CloudFormation and served, without AWS or Docker."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from packager.manifest import Manifest

PROJECT = Path(__file__).parent / "iris-classifier"
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
"""Where `cdk` finds Node, and the `python` of cdk.json: as after `source .venv/bin/activate`."""
STARTING_SECONDS = 60

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    run("cxpack", "check")
    run("cxpack", "synth")
    manifest = Manifest.load((PROJECT / "cxpack.out/manifest.json").read_text())
    show_stacks()
    with local(len(manifest.apis)) as urls:
        for api in manifest.apis:
            run("cxpack", "predict", urls[api.endpoint], "request.json")
    for api in manifest.apis:
        console.print(f"[bold]{api.name}[/] in the cloud: {api.target}, {api.size} ({api.reason})")


def run(*words: str) -> None:
    """Run a command of ours in the project, as a user would."""
    console.print(f"[bold]$ {' '.join(words)}[/]")
    subprocess.run([BIN / words[0], *words[1:]], cwd=PROJECT, env=ENVIRONMENT, check=True)


def show_stacks() -> None:
    """`cdk synth`, shown as the number of resources of each type in each stack."""
    console.print("[bold]$ cdk synth[/]")
    shutil.rmtree(PROJECT / "cdk.out", ignore_errors=True)
    with progress("writing CloudFormation"):
        command = [BIN / "cdk", "synth", "--quiet"]
        result = subprocess.run(command, cwd=PROJECT, env=ENVIRONMENT, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    for path in sorted((PROJECT / "cdk.out").glob("*.template.json")):
        resources = json.loads(path.read_text())["Resources"].values()
        table = Table("resource", "number", title=path.name.removesuffix(".template.json"), title_justify="left")
        for kind, number in sorted(Counter(resource["Type"] for resource in resources).items()):
            table.add_row(kind, str(number))
        console.print(table)


@contextmanager
def local(apis: int) -> Iterator[dict[str, str]]:
    """`cxpack local` while it runs: the URLs of its `apis` APIs, by endpoint."""
    console.print("[bold]$ cxpack local[/]")
    command = [BIN / "cxpack", "local", "--port", "0"]
    with subprocess.Popen(command, cwd=PROJECT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # Should an API never get ready, the alarm ends the command, and with it the loop below.
        signal.signal(signal.SIGALRM, lambda *_: process.terminate())
        signal.alarm(STARTING_SECONDS)
        urls = {}
        for line in process.stdout:
            console.print(line.rstrip())
            url = line.split()[1]
            urls["/" + url.split("/", 3)[3]] = url
            if len(urls) == apis:
                break
        signal.alarm(0)
        try:
            if len(urls) < apis:
                sys.exit(f"cxpack local: {apis - len(urls)} of {apis} APIs did not get ready")
            yield urls
        finally:
            process.terminate()


@contextmanager
def progress(text: str) -> Iterator[None]:
    """A spinner on a terminal, one line elsewhere."""
    if console.is_terminal:
        with console.status(text):
            yield
    else:
        console.print(f"{text} ...")
        yield


if __name__ == "__main__":
    main()
