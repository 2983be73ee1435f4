"""`cxpack prune`: versions of Lambda functions that nothing needs any more, removed."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from packager.commands.arguments import add_project
from packager.console import DONE, fail, result, say

if TYPE_CHECKING:
    from packager.deployed.stacks import DeployedApi

KEEP = 5
SETTLED = "_COMPLETE"
"""How the status of a stack ends that is neither being worked on nor stuck between two templates."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", nargs="?", help="this API only")
    add_project(parser)
    parser.add_argument("--keep", metavar="N", type=_count, default=KEEP, help="keep the newest N versions (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be deleted, and delete nothing")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.deployed.stacks import deployed_apis
    from packager.synth import project_name

    status = DONE
    try:
        apis = deployed_apis(project_name(arguments.file.parent), arguments.env)
        names = [api.name for api in apis]
        if arguments.api is not None and arguments.api not in names:
            return fail(f"no API {arguments.api} is deployed; there are: {', '.join(names) or 'none'}")
        for api in apis:
            if arguments.api in (None, api.name):
                for refusal in _prune(api, arguments.keep, dry_run=arguments.dry_run):
                    status = fail(refusal)
    except AwsError as error:
        return fail(str(error))
    return status


def _prune(api: "DeployedApi", keep: int, *, dry_run: bool) -> Iterator[str]:
    """Delete what there is to delete of one API; a sentence for all that was not."""
    from packager.deployed.session import AwsError
    from packager.deployed.versions import delete_version, versions_of

    if not api.status.endswith(SETTLED):
        yield f"{api.name} is {api.status}, and which versions it needs is not known before that is over; prune it then"
        return
    found = versions_of(api.stack)
    if found is None:
        say(f"{api.name} is no Lambda function, and has no versions")
        return
    say(f"{api.name}: {len(found.versions)} versions, of which the newest {keep} are kept")
    for version in found.beyond(keep):
        if version.needed:
            say(f"kept {api.name} version {version.number}, needed by {' and '.join(version.needed)}")
            continue
        try:
            if not dry_run:
                delete_version(found.function, version)
            result(f"{'would delete' if dry_run else 'deleted'} {api.name} version {version.number} of {version.published[:10]}")
        except AwsError as error:
            yield f"{api.name} version {version.number}: {error}"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text} is no number of versions: 0 or more")
    return int(text)
