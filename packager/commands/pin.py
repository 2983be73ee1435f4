"""`cxpack pin`: the version that "latest" means, for every replica within one poll."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from packager.commands.arguments import CORTEX_YAML
from packager.console import DONE, fail, result


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", help="the API's name in the file")
    parser.add_argument("model", metavar="MODEL", help="the model's name; any, where the API has one model only")
    parser.add_argument("version", metavar="VERSION", type=int, help="one of the model's versions")
    parser.add_argument("--file", metavar="FILE", type=Path, default=CORTEX_YAML, help="the project's cortex.yaml")


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.pins import CannotPin, find, pin
    from packager.reading import NoSuchApi, find_api

    try:
        pin(find(find_api(arguments.file, arguments.api), arguments.model, arguments.file.parent), arguments.version)
    except (CannotPin, NoSuchApi, AwsError, OSError) as error:
        return fail(str(error))
    result(f"pinned {arguments.model} to version {arguments.version}")
    return DONE
