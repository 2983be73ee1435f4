"""`cxpack delete`: a deployed API's stack, removed, unless a TrafficSplitter needs it.

As in Cortex: there was nowhere to send its share to, and here the splitter's rule names the target group of a service, which
no load balancer lets go of while one does (DeleteTargetGroup).
"""

import sys
from argparse import ArgumentParser, Namespace

from packager.commands.arguments import add_project
from packager.console import DONE, PROBLEMS, fail, result, say


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", help="the API's name")
    add_project(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.deployed.stacks import delete_stack, deployed_apis
    from packager.synth import project_name

    try:
        standing = {api.name: api for api in deployed_apis(project_name(arguments.file.parent), arguments.env)}
        if arguments.api not in standing:
            return fail(f"no API {arguments.api} is deployed; there are: {', '.join(standing) or 'none'}")
        splitters = [api.name for api in standing.values() if arguments.api in api.splits]
        if splitters:
            names = " and ".join(splitters)
            return fail(
                f"{arguments.api} cannot be deleted while requests are split to it by {names}; "
                f"delete {names} first, or deploy {names} without it"
            )
        stack = standing[arguments.api].stack
        if not (arguments.yes or _agreed(stack)):
            say("nothing was deleted")
            return PROBLEMS
        say(f"deleting {stack}")
        delete_stack(stack)
    except AwsError as error:
        return fail(str(error))
    result(f"deleted {arguments.api}")
    return DONE


def _agreed(stack: str) -> bool:
    if not sys.stdin.isatty():
        say(f"deleting {stack} wants --yes where nobody can be asked")
        return False
    say(f"delete {stack}, its URL and its logs? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
