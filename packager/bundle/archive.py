"""A zip archive whose bytes depend on nothing but paths, contents and who may execute."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from packager.bundle.errors import BundleError

FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can name."""
UNIX = 3


def write_archive(target: Path, tree: Path, prefix: str = "") -> int:
    """Write the files of `tree` as `target`, below `prefix`; the sum of their sizes in bytes.

    Sorted, readable by every user (Lambda runs as one of its own), written beside `target` and renamed. More files than
    65,535 or than 4 GiB make it a ZIP64. Raises BundleError for a name that is no text.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    total = 0
    with NamedTemporaryFile(dir=target.parent, prefix=".making-", delete=False) as file:
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                for path in sorted(paths(tree)):
                    if not _is_text(path):
                        raise BundleError(f"the name of {path} is not UTF-8, as names in a zip are; rename or ignore the file")
                    source = tree / path
                    entry = zipfile.ZipInfo(prefix + path, FIRST_MOMENT)
                    entry.create_system = UNIX
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    entry.external_attr = (0o100755 if os.access(source, os.X_OK) else 0o100644) << 16
                    content = source.read_bytes()
                    total += len(content)
                    archive.writestr(entry, content)
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(target)
        finally:
            Path(file.name).unlink(missing_ok=True)
    return total


def paths(tree: Path) -> Iterator[str]:
    """The files below a folder, relative to it, with slashes."""
    for here, _, names in os.walk(tree):
        yield from ((Path(here) / name).relative_to(tree).as_posix() for name in names)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
