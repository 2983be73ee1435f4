"""The command line as somebody whom file permissions bind: tests often run as root, which they do not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_DROP = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

needs_permissions = pytest.mark.skipif(_DROP != [] and shutil.which("setpriv") is None, reason="root may read everything")


def cxpack(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one command in the folder."""
    command = [*_DROP, sys.executable, "-m", "packager", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
