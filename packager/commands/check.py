"""`cxpack check`: every problem of a project, and where each API will run."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from packager.commands.arguments import add_file, add_format
from packager.console import DONE, PROBLEMS, result, result_json, say, say_problems, table

if TYPE_CHECKING:
    from packager.check import CheckedApi
    from packager.cost import Cost


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    add_file(parser)
    add_format(parser)


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.check import check
    from packager.cost import PRICES_OF

    checked = check(arguments.file)
    if arguments.format == "json":
        result_json(checked.as_json())
    else:
        say_problems(checked)
        rows = [(api.spec.name, *_decision(api)) for api in checked.apis if api.placement or api.spec.kind != "RealtimeAPI"]
        for line in table(rows):
            result(line)
        if any(api.placement for api in checked.apis):
            say(f"costs are us-east-1's of {PRICES_OF}, without free tiers, for requests of 100 ms")
    return DONE if checked.ok else PROBLEMS


def _decision(api: "CheckedApi") -> tuple[str, str, str, str]:
    if api.placement:
        return api.placement.target, str(api.placement.size), str(_cost(api)), api.placement.reason
    if api.spec.kind == "TrafficSplitter":
        return "-", "-", "-", "routes requests: " + ", ".join(f"{split.weight} % to {split.name}" for split in api.spec.splits)
    return "-", "-", "-", f"kind {api.spec.kind} is checked, not deployed"


def _cost(api: "CheckedApi") -> "Cost":
    from packager.cost import cost

    assert api.placement is not None, "only placed APIs cost anything"
    public = api.spec.networking.api_gateway == "public"
    return cost(api.placement.size, replicas=api.spec.autoscaling.min_replicas, public=public)
