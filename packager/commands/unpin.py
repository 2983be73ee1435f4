"""`cxpack unpin`: "latest" is the highest version that is ready again."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from packager.commands.arguments import CORTEX_YAML
from packager.console import DONE, fail, result


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", help="the API's name in the file")
    parser.add_argument("model", metavar="MODEL", help="the model's name; any, where the API has one model only")
    parser.add_argument("--file", metavar="FILE", type=Path, default=CORTEX_YAML, help="the project's cortex.yaml")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.pins import CannotPin, find, unpin
    from packager.reading import NoSuchApi, find_api

    try:
        changed = unpin(find(find_api(arguments.file, arguments.api), arguments.model, arguments.file.parent))
    except (CannotPin, NoSuchApi, AwsError, OSError) as error:
        return fail(str(error))
    result(f"unpinned {arguments.model}" if changed else f"{arguments.model} was not pinned")
    return DONE
