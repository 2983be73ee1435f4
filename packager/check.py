"""What `cxpack check` finds: every API of a file read, placed and assembled as data, with every problem on the way.

Nothing is written and nobody is asked, unless S3 is to be: no network, no AWS account, no import of the user's code.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from packager import compatibility, guards, left_out, placed_checks
from packager.bundle.rules import refusals
from packager.context import BuildContext, assemble, pack_models
from packager.counted_on import ACCESS_KEY
from packager.fault import Fault
from packager.grants import asks_aws, s3_grants
from packager.images import FLAVOURS, base_image, python_version
from packager.limits import limits
from packager.memory_budget import budget_fits
from packager.own_modules import Module, own_modules
from packager.placement import Placement, Unplaceable, place
from packager.problem import Problem, any_error, in_order
from packager.project import OutsideProject, ProjectFile, project_files
from packager.project_folder import Project
from packager.reading import read_project
from packager.s3_models import list_keys
from packager.spec import ApiSpec


class CheckedApi(NamedTuple):
    """One API and what was decided for it; what is None does not exist for kinds that are not deployed."""

    spec: ApiSpec
    placement: Placement | None = None
    context: BuildContext | None = None
    base_image: str | None = None


class Check(NamedTuple):
    """The APIs in the order of the file, and all problems by file and line."""

    file: Path
    apis: tuple[CheckedApi, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any_error(self.problems)

    @property
    def deployable(self) -> tuple[CheckedApi, ...]:
        """The APIs that `synth` writes."""
        return tuple(api for api in self.apis if api.placement is not None)

    def adding(self, code: str, message: str) -> "Check":
        """The same with an error that concerns the file as a whole."""
        problem = Problem(severity="error", code=code, file=str(self.file), line=None, path="", message=message)
        return self._replace(problems=in_order([*self.problems, problem]))

    def as_json(self) -> dict[str, Any]:
        """The answer of `--format json`."""
        return {
            "ok": self.ok,
            "apis": [
                {
                    "name": api.spec.name,
                    "kind": api.spec.kind,
                    "target": api.placement and api.placement.target,
                    "size": api.placement and str(api.placement.size),
                    "reason": api.placement and api.placement.reason,
                }
                for api in self.apis
            ],
            "problems": [
                {
                    "severity": problem.severity,
                    "code": problem.code,
                    "file": problem.file,
                    "line": problem.line,
                    "path": problem.path,
                    "message": problem.message,
                }
                for problem in self.problems
            ],
        }


def check(file: Path, *, lock: bool = False, aws: bool = False) -> Check:
    """Read, validate, place and assemble every API of `file`; never raises for what a user's files can hold.

    `lock`: versions of requirements are about to be resolved, so that one that cannot be had is an error. `aws`: S3 is
    asked about model paths.
    """
    reading = read_project(file, lock=lock, list_keys=list_keys if aws else None)
    problems = list(reading.problems)
    apis = []

    served = [spec for spec in reading.apis if spec.kind == "RealtimeAPI"]
    packed = {spec.name: [source for source, _ in pack_models(spec.served, file.parent)[1]] for spec in served}

    @cache  # the APIs of a file share its project; a model belongs to the image of the API that names it
    def project() -> Sequence[ProjectFile]:
        return project_files(file.parent, file, tuple(chain.from_iterable(packed.values())))

    for spec in reading.apis:
        if spec.kind == "RealtimeAPI":
            try:
                api, found = _place(spec, file, project)
            except OSError as error:
                api, found = CheckedApi(spec=spec), [_unreadable(error, file)]
            problems += found
            if len(served) > 1:
                problems += [_problem(spec, fault) for fault in guards.packed(packed[spec.name], file.parent)]
        else:
            api = CheckedApi(spec=spec)
        apis.append(api)
    targets = {api.spec.name: api.placement.target for api in apis if api.placement is not None}
    problems += [_problem(spec, fault) for spec, fault in limits(reading.apis, targets)]
    for spec in reading.apis[:1]:  # said once, not by every API of the project
        problems += [_problem(spec, fault) for fault in guards.environments(file.parent)]
    return Check(file=file, apis=tuple(apis), problems=in_order(problems))


def _place(spec: ApiSpec, file: Path, project: Callable[[], Sequence[ProjectFile]]) -> tuple[CheckedApi, list[Problem]]:
    flavour = FLAVOURS[spec.served.predictor.type, spec.served.accelerator]
    try:
        context = assemble(spec, file.parent, project(), flavour)
    except OutsideProject as error:
        return CheckedApi(spec=spec), [spec.problem("predictor.path", "cxpack.outside_project", str(error))]
    python = python_version(flavour, spec.deploy.python, written="deploy.python" in spec.places)
    image = base_image(flavour, python, context.dependencies)
    if image is None:
        message = f"Python {spec.deploy.python} is not offered for {flavour.folder}; choose one of {', '.join(flavour.pythons)}"
        return CheckedApi(spec=spec), [spec.problem("deploy.python", "deploy.python", message)]
    try:
        placement = place(spec, context.size)
    except Unplaceable as error:
        return CheckedApi(spec=spec), [spec.problem("compute", "resources.no_available_node_compute_limit", str(error))]
    checked = CheckedApi(spec=spec, placement=placement, context=context, base_image=image)
    modules = tuple(own_modules(spec.served.predictor, Project(root=file.parent, shown=file.parent)))
    return checked, list(_findings(checked, modules, file.parent))


def _unreadable(error: OSError, file: Path) -> Problem:
    """A file or folder of the project that the disk does not let us read: the same problem for every API of it."""
    path, root = str(error.filename or file.parent), os.path.realpath(file.parent)
    shown = str(file.parent / os.path.relpath(path, root)) if path.startswith(root) else path
    message = f"cannot be read: {error.strerror or error}; correct its permissions, or list it in .cortexignore"
    return Problem(severity="error", code="cxpack.unreadable_file", file=shown, line=None, path="", message=message)


def _problem(spec: ApiSpec, fault: Fault) -> Problem:
    return spec.problem(fault.at, fault.code, fault.message, severity=fault.severity)


def _faults(api: CheckedApi, modules: Sequence[Module], project: Path) -> Iterator[Fault]:
    if api.context is not None:
        yield from left_out.named_files(api.spec, api.context.sizes, project)
        yield from left_out.imported_files(modules, api.context.sizes, project)
        yield from guards.findings(api.context.sizes.items())
        served, deploy = api.spec.served, api.spec.deploy
        glibc = FLAVOURS[served.predictor.type, served.accelerator].glibc
        if deploy.package == "image":
            yield from guards.libraries(api.context.files, deploy.architecture, glibc)
        if deploy.package == "zip" and api.placement is not None and api.placement.target == "lambda":
            yield from refusals(api.spec, api.context.dependencies)


def _findings(api: CheckedApi, modules: Sequence[Module], project: Path) -> Iterator[Problem]:
    yield from (_problem(api.spec, fault) for fault in _faults(api, modules, project))
    if api.placement is not None:
        yield from compatibility.problems(api.spec, api.placement.target)
        yield from (_problem(api.spec, fault) for fault in budget_fits(api.spec, api.placement.size))
    if api.placement is not None and api.placement.warning:
        yield api.spec.problem("deploy.target", "deploy.target", api.placement.warning, severity="warning")
    yield from (_problem(api.spec, fault) for fault in _lacks(api, modules))
    yield from _rights(api, modules)
    if api.context is not None and any(file.path == "project/.env" for file in api.context.files):
        message = ".env goes into the image, where everyone who may pull it can read it; put secrets into deploy.secrets"
        yield api.spec.problem("predictor", "deploy.env_file", message, severity="warning")


def _lacks(api: CheckedApi, modules: Sequence[Module]) -> Iterator[Fault]:
    if api.context is None or api.placement is None:
        return
    placement = api.placement
    requirements = api.context.dependencies.get("requirements.txt", b"").decode("utf-8-sig", "replace")
    yield from placed_checks.little_memory(api.spec, placement.size, modules, requirements)
    yield from placed_checks.little_storage(api.spec, placement.size, modules, requirements)
    dotenv = next((file.read() for file in api.context.files if file.path == "project/.env"), b"")
    variables = {*api.spec.served.predictor.env, *api.spec.deploy.secrets}
    if ACCESS_KEY.encode() in dotenv:
        variables.add(ACCESS_KEY)
    yield from placed_checks.access_key(placement.target, modules, variables)


def _rights(api: CheckedApi, modules: Sequence[Module]) -> Iterator[Problem]:
    """What the API may read, and why; a warning where its code asks AWS for something and it may do nothing."""
    spec, serve = api.spec, api.spec.served
    grants = s3_grants(serve)
    for grant in grants:
        at = grant.reason
        if at == "predictor.model_path" and at not in spec.places:
            at = "predictor.models.path"  # the other key for the same
        objects = " and ".join(f"s3://{grant.bucket}/{key}" for key in grant.keys)
        message = f"grants reading {objects}, because {at} names it"
        yield spec.problem(at, "deploy.grant", message, severity="note")
    if grants or spec.deploy.permissions or api.context is None:
        return
    asking = next((module.path for module in modules if asks_aws(module.source)), None)
    if asking is not None:
        message = f"{asking} imports boto3, but the API is granted nothing; say what it needs in deploy.permissions"
        yield spec.problem("predictor.path", "deploy.nothing_granted", message, severity="warning")
