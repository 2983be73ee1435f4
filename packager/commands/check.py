"""`cxpack check`: every problem of a project, and where each API will run."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from packager.commands.arguments import add_file, add_format
from packager.console import DONE, PROBLEMS, result, result_json, say_problems, table

if TYPE_CHECKING:
    from packager.check import CheckedApi


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    add_file(parser)
    add_format(parser)


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.check import check

    checked = check(arguments.file)
    if arguments.format == "json":
        result_json(checked.as_json())
    else:
        say_problems(checked)
        rows = [(api.spec.name, *_decision(api)) for api in checked.apis if api.placement or api.spec.kind != "RealtimeAPI"]
        for line in table(rows):
            result(line)
    return DONE if checked.ok else PROBLEMS


def _decision(api: "CheckedApi") -> tuple[str, str, str]:
    if api.placement:
        return api.placement.target, str(api.placement.size), api.placement.reason
    if api.spec.kind == "TrafficSplitter":
        return "-", "-", "routes requests: " + ", ".join(f"{split.weight} % to {split.name}" for split in api.spec.splits)
    return "-", "-", f"kind {api.spec.kind} is checked, not deployed"
