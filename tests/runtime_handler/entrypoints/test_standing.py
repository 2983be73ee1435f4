"""Where a connection stands when its worker dies: at every point of a request, and what its caller then sees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_handler.entrypoints.board import Board
from runtime_handler.entrypoints.standing import BROKEN, CLOSES, OWED, Fate, fate_of, standing
from runtime_handler.entrypoints.track import Track
from tests.runtime_handler.harness import ROOT, clean_environment, write_context

PREDICTOR = """
import time
from starlette.responses import StreamingResponse

def parts():
    yield "one"
    time.sleep(0.01)
    yield "two"

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        if payload == "long":
            return "x" * 20_000_000
        return StreamingResponse(parts()) if payload == "stream" else [1, 2, 3]
"""
JSON = b"POST /iris HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"
DIRECT = JSON + b"content-length: 1\r\n\r\n1"
CHUNKED = JSON + b"transfer-encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n"
CLOSING = JSON + b"connection: close\r\ncontent-length: 1\r\n\r\n1"
ASKING = JSON + b"expect: 100-continue\r\ncontent-length: 1\r\n\r\n1"
STREAM = JSON + b'content-length: 8\r\n\r\n"stream"'
LONG = JSON + b'content-length: 6\r\n\r\n"long"'
UNKNOWN = b"GET /nothing HTTP/1.1\r\nhost: h\r\n\r\n"


def deaths(context: Path, requests: bytes, count: int = 1) -> list[dict[str, object]]:
    """One for each point at which the worker could die while these requests, sent in one packet, get `count` answers."""
    command = [sys.executable, str(Path(__file__).with_name("mortal.py")), requests.hex(), str(count)]
    environment = clean_environment(PYTHONPATH=str(ROOT), CXPACK_LOG_FORMAT="text")
    ended = subprocess.run(command, cwd=context, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_context(tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR})


@pytest.mark.parametrize(
    ("requests", "count"),
    [
        (ASKING, 1),
        (DIRECT + CHUNKED + UNKNOWN, 3),
        (DIRECT + b"\r\n", 1),
    ],
    ids=["asking", "three", "line-break"],
)
def test_no_death_cuts_an_answer(context: Path, requests: bytes, count: int) -> None:
    """Wherever a worker dies, its caller has whole answers, and gets 503 exactly when one is missing that was asked for."""
    seen = set()
    for death in deaths(context, requests, count):
        answers, fate = death["answers"], death["fate"]
        assert death["rest"] == "", death
        missing = death["read"] != 0 and answers != count
        assert fate == ("REFUSE" if missing else "KEEP"), death
        seen.add((answers, fate))
    assert {(0, "KEEP"), (0, "REFUSE"), (count, "KEEP")} <= seen


def test_no_death_keeps_a_connection_that_was_to_end(context: Path) -> None:
    """A caller that waits for the end of its connection sees it, whether the worker lived to close it or not."""
    fates = {(death["answers"], death["fate"]) for death in deaths(context, CLOSING)}
    assert fates == {(0, "KEEP"), (0, "REFUSE"), (1, "CLOSE")}


def test_the_rest_of_a_request_is_read_by_who_answered_it() -> None:
    """Until its end, nobody else can take the connection over; afterwards anybody can."""
    board = Board(1, 1)
    board.begin(0, taken=0, written=0)
    track = Track(board, 0)

    def fate(read: int) -> Fate:
        return board.fate(0, written=90, read=read)

    track.heard(100, settled=True)
    track.writes(90, CLOSES, settled=True)
    assert fate(100) is Fate.CLOSE
    track.heard(20, settled=True)
    assert fate(120) is Fate.CLOSE
    track.finished(settled=True)
    track.nothing_owed(settled=True)
    assert fate(120) is Fate.KEEP


@pytest.mark.parametrize("request_in_parts", [STREAM, LONG], ids=["stream", "long"])
def test_an_answer_in_parts_is_refused_before_it_begins_and_cut_within(context: Path, request_in_parts: bytes) -> None:
    """Nothing is written into the middle of an answer whose worker died, be it a stream or more than the kernel takes at once."""
    fates = {(death["answers"], death["rest"] != "", death["fate"]) for death in deaths(context, request_in_parts)}
    assert fates == {(0, False, "KEEP"), (0, False, "REFUSE"), (0, True, "CLOSE"), (1, False, "KEEP")}


@pytest.mark.parametrize(
    ("now", "then", "written", "read", "fate"),
    [
        (standing(0), standing(0), 0, 0, Fate.KEEP),
        (standing(0), standing(0), 0, 9, Fate.REFUSE),
        (standing(0), standing(0), None, None, Fate.KEEP),
        (standing(0, OWED), standing(0, OWED), 0, 5, Fate.REFUSE),
        (standing(0, OWED), standing(90), 0, 5, Fate.REFUSE),
        (standing(0, OWED), standing(90), 90, 5, Fate.KEEP),
        (standing(0, OWED), standing(90), 90, 9, Fate.REFUSE),
        (standing(0, OWED), standing(90), 50, 5, Fate.CLOSE),
        (standing(0, OWED), standing(90), None, None, Fate.CLOSE),
        (standing(0, OWED), standing(90, OWED), 90, 5, Fate.REFUSE),
        (standing(0, OWED), standing(90, CLOSES), 90, 5, Fate.CLOSE),
        (standing(0, OWED), standing(90, CLOSES), 0, 5, Fate.REFUSE),
        (standing(0, OWED), BROKEN, 0, 5, Fate.REFUSE),
        (standing(0, OWED), BROKEN, 40, 5, Fate.CLOSE),
        (BROKEN, BROKEN, 40, 5, Fate.CLOSE),
        (BROKEN | OWED, standing(90), 90, 5, Fate.KEEP),
    ],
)
def test_what_the_kernel_says_decides_which_standing_holds(
    now: int, then: int, written: int | None, read: int | None, fate: Fate
) -> None:
    """Five bytes were taken, the answer has 90."""
    assert fate_of(now, then, 5 if read is not None and read >= 5 else 0, written=written, read=read) is fate
