"""A change of the output folder that happens whole or not at all, also when the process is ended in the middle of it.

What is new is written beside its place, in a folder of the output. Then the folders that it replaces are moved there and
the new ones into their place, and the manifest is replaced last: until then the change can be undone from what lies there.

    .staging-*/new/NAME        what will stand in the place of NAME
    .staging-*/old/NAME        what stood there; an empty folder where nothing did
    .staging-*/manifest.json   the new manifest: as long as it is here, the old one counts

A process that is killed cannot undo anything; the next one does, which knows by the folder's lock that nobody is at it.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from packager.project import STAGING


@contextmanager
def alone(out: Path, manifest: str, say: Callable[[str], None]) -> Iterator[None]:
    """Have the folder `out` to oneself, made when it is missing: others wait, and `say` so. What a killed process left is put
    right first.
    """
    import fcntl  # here: check has no output

    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another cxpack is writing {out}; waiting until it ends")
            fcntl.flock(folder, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: who has left what lies there is not known
            yield
            return
        for staging in sorted(out.glob(f"{STAGING}*")):
            undo(out, staging, manifest)
        yield
    finally:
        os.close(folder)


def change(out: Path, manifest: str, fill: Callable[[Path, Path], None], gone: Iterable[str]) -> None:
    """Replace the folders and the file `manifest` of `out` by those that `fill` writes, and remove the folders `gone`.

    `fill` is given an empty folder for the folders, and a path for the manifest. When it, or anything else, raises, `out` is
    as it was.
    """
    staging = Path(mkdtemp(prefix=STAGING, dir=out))
    new, old = staging / "new", staging / "old"
    try:
        new.mkdir()
        fill(new, staging / manifest)
        old.mkdir()
        made = sorted(path.name for path in new.iterdir())
        for name in [*gone, *made]:
            if os.path.lexists(out / name):  # a link to nowhere, too, would be in the way
                (out / name).rename(old / name)
            else:
                (old / name).mkdir()
        for name in made:
            (new / name).rename(out / name)
        (staging / manifest).replace(out / manifest)
    except BaseException:
        undo(out, staging, manifest)
        raise
    shutil.rmtree(staging, ignore_errors=True)


def undo(out: Path, staging: Path, manifest: str) -> None:
    """Put back what a change that did not end has moved, and remove what it staged; a change that did end stays."""
    if (staging / manifest).exists():
        for old in sorted((staging / "old").glob("*")):
            if (out / old.name).exists():
                (out / old.name).rename(staging / "new" / old.name)
            if not old.is_dir() or any(old.iterdir()):
                old.rename(out / old.name)
    shutil.rmtree(staging, ignore_errors=True)
