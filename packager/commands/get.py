"""`cxpack get`: what of the project stands in AWS, beside what its file says; of one API, also the models that it serves."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from packager.commands.arguments import add_format, add_project
from packager.console import DONE, fail, result, result_json, say, table

if TYPE_CHECKING:
    from packager.deployed.models import ServedVersion
    from packager.deployed.stacks import DeployedApi


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("api", metavar="API", nargs="?", help="this API only, with its models")
    add_project(parser)
    add_format(parser)


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.deployed.session import AwsError
    from packager.deployed.stacks import deployed_apis
    from packager.reading import read_project
    from packager.synth import project_name

    reading = read_project(arguments.file)
    for problem in reading.errors:
        say(str(problem))
    wanted = reading.names
    try:
        standing = {api.name: api for api in deployed_apis(project_name(arguments.file.parent), arguments.env)}
    except AwsError as error:
        return fail(str(error))
    names = sorted((wanted or frozenset()) | standing.keys())
    if arguments.api is not None:
        if arguments.api not in names:
            return fail(f"neither {arguments.file} nor AWS has an API {arguments.api}; there are: {', '.join(names) or 'none'}")
        names = [arguments.api]
    models = _models(standing.get(arguments.api))
    if arguments.format == "json":
        result_json([_as_json(name, standing.get(name), _in_file(name, wanted), models) for name in names])
        return DONE
    rows = [("api", "status", "version", "updated", "cost", "url")]
    rows += [_row(name, standing.get(name), _in_file(name, wanted)) for name in names]
    for line in table(rows):
        result(line)
    if models:
        result("")
        for line in table(_model_rows(models)):
            result(line)
    return DONE


def _in_file(name: str, wanted: frozenset[str] | None) -> bool | None:
    """Whether the file has the API; None where nobody can tell."""
    return None if wanted is None else name in wanted


def _models(api: "DeployedApi | None") -> "list[ServedVersion] | None":
    """What the API itself says that it serves; None when it does not say, which is told."""
    if api is None or api.url is None:
        return None
    from packager.deployed.models import served_models
    from packager.predict import NoAnswer

    try:
        return served_models(api.url)
    except NoAnswer as reason:
        say(f"note: the models of {api.name} are not shown: {reason}")
        return None


def _model_rows(models: "list[ServedVersion]") -> list[tuple[str, ...]]:
    from runtime_handler.contract import SINGLE_MODEL

    rows: list[tuple[str, ...]] = [("model", "version", "edited")]
    rows += [(each.model, each.version, f"{each.edited:%Y-%m-%d %H:%M} UTC") for each in models]
    return [row[1:] for row in rows] if {each.model for each in models} == {SINGLE_MODEL} else rows


def _row(name: str, api: "DeployedApi | None", in_file: bool | None) -> tuple[str, str, str, str, str, str]:
    if api is None:
        return name, "not deployed", "-", "-", "-", "-"
    status = f"{api.status} (not in the file)" if in_file is False else api.status
    return name, status, api.version or "-", f"{api.updated:%Y-%m-%d %H:%M} UTC", api.cost or "-", api.url or "-"


def _as_json(
    name: str, api: "DeployedApi | None", in_file: bool | None, models: "list[ServedVersion] | None"
) -> dict[str, object]:
    return {
        "name": name,
        "in_file": in_file,
        "stack": api and api.stack,
        "status": api and api.status,
        "version": api and api.version,
        "updated": api and api.updated.isoformat(),
        "cost": api and api.cost,
        "url": api and api.url,
        "models": models
        and [{"model": each.model, "version": each.version, "edited": each.edited.isoformat()} for each in models],
    }
