"""`cxpack predict` and whoever it is pointed at: an answer, or one sentence."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from packager.cli import main
from packager.deployed.models import served_models
from packager.predict import NoAnswer, predict, read_body

DEEP = b"[" * 100_000 + b"]" * 100_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of somebody who sends that to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_one() -> None:
            connection, _ = server.accept()
            with connection:
                while b"\r\n\r\n" not in connection.recv(1 << 16):
                    pass
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):  # a body that is left unread would break the connection
                    pass

        thread = threading.Thread(target=answer_one, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(timeout=10)


@pytest.mark.parametrize(
    "answer",
    [HEAD + b'99\r\n\r\n{"half', b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["half an answer", "no HTTP", "nothing", "half an error"],
)
def test_whoever_does_not_answer_in_full_is_named(answer: bytes) -> None:
    """With what went wrong; nothing of half an answer is shown as a prediction."""
    with answering(answer) as url, pytest.raises(NoAnswer, match=url):
        predict(url, b"{}")
    with answering(answer) as url, pytest.raises(NoAnswer, match=url):
        served_models(url)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:abc", "http://localhost:1/a b", "http://[::1/", f"http://{'a' * 70}/", "http://localhost/ü"],
)
def test_an_address_that_is_none_is_told(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anybody is asked."""
    (tmp_path / "body.json").write_text("{}")
    assert main(["predict", url, str(tmp_path / "body.json")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {url} is no address (")


def test_a_body_that_is_too_deep_is_no_json(tmp_path: Path) -> None:
    """Nobody can read it."""
    (tmp_path / "deep.json").write_bytes(DEEP)
    with pytest.raises(ValueError, match=r"deep.json: is not JSON \(maximum recursion depth"):
        read_body(str(tmp_path / "deep.json"), None)


def test_an_answer_that_is_too_deep_is_printed_as_it_came() -> None:
    """It is an answer."""
    with answering(HEAD + str(len(DEEP)).encode() + b"\r\n\r\n" + DEEP) as url:
        assert predict(url, b"{}").text == DEEP.decode()
