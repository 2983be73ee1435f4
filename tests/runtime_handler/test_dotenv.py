"""`.env` files, read as a shell would."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_handler.dotenv import parse_dotenv

LINES = r"""
# a comment
PLAIN=value
export EXPORTED=yes
SINGLE='$PLAIN "kept" \n'
DOUBLE="$PLAIN and ${EXPORTED} \"quoted\""
GLUED=a"b c"'d'
COMMENTED=x # not this
HASH=a#b
EMPTY=
REDEFINED=$PLAIN
REDEFINED=$REDEFINED-twice
UNKNOWN=[$NONESUCH]
FROM=$OUTSIDE
SPACED="  two  "
not an assignment
1BAD=x
"""


def test_dotenv_gives_what_a_shell_gives(tmp_path: Path) -> None:
    """The file is sourced by bash in Cortex; the reader agrees with bash on it."""
    variables = parse_dotenv(LINES, {"OUTSIDE": "in"})
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash to compare with")
    (tmp_path / ".env").write_text(LINES)
    shell = subprocess.run(
        [bash, "-c", "set -a; . ./.env 2>/dev/null; env -0"], cwd=tmp_path, env={"OUTSIDE": "in"}, capture_output=True, timeout=30
    )
    environment = dict(line.split("=", 1) for line in shell.stdout.decode().split("\0") if "=" in line)
    assert variables == {name: environment[name] for name in variables}
    assert {"PLAIN", "EXPORTED", "DOUBLE", "GLUED", "EMPTY", "SPACED"} <= variables.keys()


@given(text=st.text(alphabet="AB=\"'\\$ {}#\n\tx1", max_size=60))
def test_no_file_makes_the_reader_fail(text: str) -> None:
    """Unclosed quotes and stray backslashes are the user's business, not a crash."""
    for name, value in parse_dotenv(text, {"A": "a"}).items():
        assert name.isidentifier()
        assert "\n" not in value
