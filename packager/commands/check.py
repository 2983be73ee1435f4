"""`cxpack check`: every problem of a project, and where each API will run."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from packager.commands.arguments import add_file, add_format
from packager.console import DONE, PROBLEMS, result, result_json, say, say_problems, table

if TYPE_CHECKING:
    from packager.check import CheckedApi
    from packager.compatibility import Treatment
    from packager.cost import Cost


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    add_file(parser)
    add_format(parser)
    parser.add_argument("--aws", action="store_true", help="look into S3 model paths too, with this machine's credentials")
    parser.add_argument("--keys", action="store_true", help="tell of every key what becomes of it on the chosen target")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.check import check
    from packager.cost import PRICES_OF

    checked = check(arguments.file, aws=arguments.aws)
    keys = {api.spec.name: _keys(api) for api in checked.apis} if arguments.keys else {}
    if arguments.format == "json":
        body = checked.as_json()
        for api in body["apis"] if arguments.keys else ():
            api["keys"] = [{"line": row.line, "path": row.path, "class": row.kind, "how": row.how} for row in keys[api["name"]]]
        result_json(body)
    else:
        say_problems(checked)
        rows = [(api.spec.name, *_decision(api)) for api in checked.apis if api.placement or api.spec.kind != "RealtimeAPI"]
        for line in table(rows):
            result(line)
        for line in table([(f"{row.line}", row.path, row.kind, row.how) for rows in keys.values() for row in rows]):
            result(line.rstrip())
        if any(api.placement for api in checked.apis):
            say(f"costs are us-east-1's of {PRICES_OF}, without free tiers, for requests of 100 ms")
    return DONE if checked.ok else PROBLEMS


def _keys(api: "CheckedApi") -> "tuple[Treatment, ...]":
    from packager.compatibility import report

    return report(api.spec, api.placement.target) if api.placement else ()


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
