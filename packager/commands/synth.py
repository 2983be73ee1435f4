"""`cxpack synth`: the output folder that `cdk deploy` reads."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from packager.commands.arguments import add_file, add_format
from packager.console import DONE, PROBLEMS, fail, refuse, result, result_json, say, say_problems

if TYPE_CHECKING:
    from packager.check import Check
    from packager.synth import Synthesis


def configure(parser: ArgumentParser) -> None:
    """Add the arguments."""
    add_file(parser)
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="the folder to write (cxpack.out beside FILE)")
    parser.add_argument("--lock", action="store_true", help="resolve requirements.txt now, and pin it with hashes in the images")
    add_format(parser)


def run(arguments: Namespace) -> int:
    """The exit status."""
    from packager.bundle.errors import BundleError
    from packager.check import check
    from packager.output import NotOurs
    from packager.synth import OUTPUT, synth

    checked = check(arguments.file, lock=arguments.lock)
    if not (checked.ok and checked.deployable):
        return _refuse(checked, arguments.format)
    out = arguments.output or arguments.file.parent / OUTPUT
    try:
        if os.path.realpath(out) == os.path.realpath(arguments.file.parent):
            raise NotOurs(f"-o {out} is the project's own folder; choose another")
        written = synth(checked, out, say, lock=arguments.lock)
    except (BundleError, NotOurs, OSError) as error:
        if arguments.format == "json":
            result_json(checked.adding("cxpack.not_written", f"{error}; nothing was changed").as_json())
        return fail(f"{error}; nothing was changed")
    if arguments.format == "json":
        result_json(_as_json(checked, written))
        return DONE
    say_problems(checked)
    for name, changed in written.changed.items():
        result(f"{_state(changed)} {name}")
    if written.cdk_json_written:
        say(f"wrote {arguments.file.parent / 'cdk.json'}")
    result(_next_command(arguments.file.parent, arguments.output))
    return DONE


def _refuse(checked: "Check", form: str) -> int:
    if checked.ok:
        message = "has no API that can be deployed; nothing was written"
        checked = checked.adding("deploy.nothing_to_deploy", message)
    if form == "json":
        result_json(checked.as_json())
        return PROBLEMS
    return refuse(checked, "nothing was written")


def _as_json(checked: "Check", written: "Synthesis") -> dict[str, object]:
    body = checked.as_json()
    for api in body["apis"]:
        changed = written.changed.get(api["name"])
        api["state"] = None if changed is None else _state(changed)
    return {**body, "output": str(written.out)}


def _state(changed: bool) -> str:
    return "creating" if changed else "unchanged"


def _next_command(project: Path, output: Path | None) -> str:
    command = "cdk deploy --all"
    if output is not None:
        command += f" -c cxpack:manifest={quote(str((output / 'manifest.json').resolve()))}"
    return f"next: {command}" if project.resolve() == Path.cwd() else f"next: cd {quote(str(project))} && {command}"
