"""`make demo`: a Cortex project checked, synthesized, turned into CloudFormation and served, without AWS or Docker."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).parent / "iris-classifier"
BIN = Path(sys.executable).parent
PORT = 8888
STARTING_SECONDS = 60

console = Console(highlight=False)


def main() -> None:
    command("cxpack", "check")
    command("cxpack", "synth")
    cloudformation()
    answers = predictions()
    manifest = json.loads((PROJECT / "cxpack.out/manifest.json").read_text())
    for api in manifest["apis"]:
        console.print(f"[bold]{api['name']}[/] answers {answers[api['name']]}")
        console.print(f"  in the cloud: {api['target']}, {size(api)}: {api['reason']}")


def command(*words: str) -> None:
    """Run a command of ours in the project, as a user would."""
    console.print(f"[bold]$ {' '.join(words)}[/]")
    subprocess.run([BIN / words[0], *words[1:]], cwd=PROJECT, check=True)


def cloudformation() -> None:
    """`cdk synth`, shown as the number of resources of each type in each stack."""
    console.print("[bold]$ cdk synth[/]")
    shutil.rmtree(PROJECT / "cdk.out", ignore_errors=True)
    with progress("writing CloudFormation"):
        result = subprocess.run([BIN / "cdk", "synth", "--quiet"], cwd=PROJECT, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    for path in sorted((PROJECT / "cdk.out").glob("*.template.json")):
        table = Table(title=f"stack {path.name.removesuffix('.template.json')}", title_justify="left")
        table.add_column("resource")
        table.add_column("number", justify="right")
        resources = json.loads(path.read_text())["Resources"].values()
        for kind, number in sorted(Counter(resource["Type"] for resource in resources).items()):
            table.add_row(kind, str(number))
        console.print(table)


def predictions() -> dict[str, str]:
    """The answer of every API under `cxpack local` to the project's request.json."""
    console.print(f"[bold]$ cxpack local --port {PORT}[/]")
    request = (PROJECT / "request.json").read_bytes()
    with local() as urls:
        return {url.rpartition("/")[2]: post(url, request) for url in urls}


@contextmanager
def local() -> Iterator[list[str]]:
    """`cxpack local`, from its last ready line to its end."""
    expected = len(json.loads((PROJECT / "cxpack.out/manifest.json").read_text())["apis"])
    with subprocess.Popen(
        [BIN / "cxpack", "local", "--port", str(PORT)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        # A server that never gets ready must not hang the demo: the alarm ends it, and with it the loop below.
        signal.signal(signal.SIGALRM, lambda *_: process.terminate())
        signal.alarm(STARTING_SECONDS)
        urls = []
        for line in process.stdout:
            console.print(line.rstrip())
            urls.append(line.split()[1])
            if len(urls) == expected:
                break
        signal.alarm(0)
        try:
            if len(urls) < expected:
                sys.exit(f"cxpack local: {expected - len(urls)} of {expected} APIs did not get ready")
            yield urls
        finally:
            process.terminate()
            process.wait()


def post(url: str, body: bytes) -> str:
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read().decode()


def size(api: dict) -> str:
    facts = {name: value for name, value in api["size"].items() if value}
    return ", ".join(f"{name} {value}" for name, value in facts.items())


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
