"""Which requirements of a project the environment that `cxpack local` runs in does not meet."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def unmet_requirements(project: Path) -> Iterator[str]:
    """One sentence for each line of the project's requirements.txt that is not met; options and URLs cannot be compared."""
    from packaging.requirements import InvalidRequirement, Requirement

    file = project / "requirements.txt"
    if not file.is_file():
        return
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield f"{file.name}:{number}: {text} is not installed here; pip install '{text}'"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield f"{file.name}:{number}: {text} is asked for, {requirement.name} {installed} is installed here"
