"""`cxpack rollback`: a deployed API back to a template that it had before."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from packager.commands.arguments import add_project
from packager.console import DONE, fail, result, say, table

if TYPE_CHECKING:
    from packager.deployed.templates import PastTemplate


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", help="the API's name")
    add_project(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--list", action="store_true", help="print the API's templates, newest first, and change nothing")
    choice.add_argument("--to", metavar="URL", help="the template to go back to (the one before the current)")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.deployed.stacks import stack_name
    from packager.deployed.templates import previous, templates_of, update_stack
    from packager.synth import project_name

    project = project_name(arguments.file.parent)
    stack = stack_name(project, arguments.env, arguments.api)
    try:
        templates = templates_of(project, arguments.env, arguments.api)
        if arguments.list:
            for line in table([_row(template) for template in templates]):
                result(line)
            return DONE
        before = previous(templates)
        url: str | None = arguments.to or (before.url if before else None)
        if url is None:
            return fail(f"{stack} has no template from before its current one; `--list` shows those that there are")
        say(f"updating {stack} with {url}")
        update_stack(stack, url)
    except AwsError as error:
        return fail(str(error))
    result(f"rolled back {arguments.api}")
    say("the next `cdk deploy` brings back what the project says now")
    return DONE


def _row(template: "PastTemplate") -> tuple[str, str, str]:
    return f"{template.deployed:%Y-%m-%d %H:%M:%S} UTC", "current" if template.current else "", template.url
