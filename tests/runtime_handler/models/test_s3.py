"""The S3 source against two servers: what it promises holds for S3 as moto knows it, and for a server that knows less."""

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
import uuid
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runtime_handler.models.bucket import Bucket
from runtime_handler.models.s3 import S3Source
from runtime_handler.models.source import SourceChanged, SourceError, SourceTooLarge
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.servers import client


class RemoteBucket:
    """A new bucket on a server."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client: Any = client(endpoint)
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, data: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def source(self, prefix: str) -> S3Source:
        return S3Source(Bucket(self.name), prefix)


@pytest.fixture
def bucket(endpoint: str) -> RemoteBucket:
    return RemoteBucket(endpoint)


def paths(source: S3Source) -> list[str]:
    return [item.path for item in source.list()]


def test_a_prefix_ends_at_a_slash(bucket: RemoteBucket) -> None:
    """`a` never holds what lies in `ab`, however the prefix is written."""
    for key in ("m/a/1/x", "m/ab/1/x", "m/a.txt"):
        bucket.put(key)
    assert paths(bucket.source("m/a")) == paths(bucket.source("/m/a/")) == ["1/x"]
    assert paths(bucket.source("")) == ["m/a.txt", "m/a/1/x", "m/ab/1/x"]
    assert paths(bucket.source("nowhere")) == []


def test_a_folder_can_be_listed_alone(bucket: RemoteBucket) -> None:
    """With the paths that a source of its own would give; what stands for folders in the rest is not forgotten for it."""
    for key in ("m/a/1/x", "m/a/1/ü %y", "m/ab/1/x"):
        bucket.put(key)
    bucket.put("m/b/empty", b"")
    source = bucket.source("m")
    whole = source.list()
    known = dict(source._folders)
    assert source.list(folder="a/") == bucket.source("m/a").list()
    assert [item.path for item in source.list(folder="a/")] == ["1/x", "1/ü %y"]
    assert source.list(folder="nowhere/") == []
    assert source._folders == known
    assert source.list() == whole


def test_listings_carry_what_identifies_bytes(bucket: RemoteBucket) -> None:
    """Size and ETag of each object; equal bytes have equal ETags."""
    bucket.put("m/a", b"12345")
    bucket.put("m/b", b"12345")
    bucket.put("m/c", b"54321")
    a, b, c = bucket.source("m").list()
    assert a.etag == b.etag != c.etag
    assert [item.size for item in (a, b, c)] == [5, 5, 5]
    assert abs(a.modified - bucket.source("m").now()) < 60


def test_objects_are_fetched_as_listed(bucket: RemoteBucket, tmp_path: Path) -> None:
    """Names with spaces, signs and other scripts, empty files and files of several parts arrive byte for byte."""
    large = os.urandom((16 << 20) + 4321)
    files = {"ü +%25&x.bin": b"odd", "empty": b"", "deep/er/file": b"deep", "large": large}
    for path, data in files.items():
        bucket.put(f"m/1/{path}", data)
    source = bucket.source("m")
    objects = [item._replace(path=item.path.removeprefix("1/")) for item in source.list()]
    source.fetch(objects, "1/", tmp_path)
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


def test_an_object_that_changed_after_the_listing_is_not_taken(bucket: RemoteBucket, tmp_path: Path) -> None:
    """Overwritten or deleted since: the fetch says so, and the next listing tells what there is now."""
    bucket.put("m/a", b"before")
    source = bucket.source("m")
    objects = source.list()
    bucket.put("m/a", b"after!")
    with pytest.raises(SourceChanged):
        source.fetch(objects, "", tmp_path)
    bucket.client.delete_object(Bucket=bucket.name, Key="m/a")
    with pytest.raises(SourceChanged):
        source.fetch(objects, "", tmp_path)


def test_a_disk_that_takes_a_part_of_an_object_is_heard(bucket: RemoteBucket, tmp_path: Path) -> None:
    """A write that ends early for lack of room is no success: a file of the right size with a hole would be loaded."""
    bucket.put("m/a", b"x" * 3000)
    source = bucket.source("m")
    objects = source.list()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # beyond it writes are short, then refused, as on a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            source.fetch(objects, "", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_an_object_whose_copy_is_removed_meanwhile_stays_listed(bucket: RemoteBucket, tmp_path: Path) -> None:
    """Somebody who cleans up the disk says nothing about the store: the object is fetched again another time."""
    bucket.put("m/a", b"text")
    source = bucket.source("m")
    [item] = source.list()
    with pytest.raises(FileNotFoundError):
        source._get("", tmp_path / "removed", item, 0, item.size)
    assert source.list() == [item]
    source.fetch([item], "", tmp_path)
    assert (tmp_path / "a").read_bytes() == b"text"


def test_folders_with_content_are_no_files_for_long(
    aws: None, moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A key that ends in a slash may hold bytes: a version with one is fetched, found out, and loaded without it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    bucket = RemoteBucket(moto)
    for key in ("m/1/model", "m/1/deep/"):
        bucket.put(key, b"text")
    manager = a_manager(tmp_path, directory=f"s3://{bucket.name}", settle_s=0)
    manager.start()
    manager.tick()
    assert manager.get("m").value == "text"


def test_more_than_a_page_is_listed(moto: str, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings go on after 1,000 keys, and stop where the caller wants to hear no more."""
    from moto.s3.models import s3_backends  # the server runs in this process: a thousand puts over HTTP take ten seconds

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    bucket = RemoteBucket(moto)
    for number in range(1005):
        s3_backends["123456789012"]["aws"].put_object(bucket.name, f"m/{number:04}", b"x")
    source = bucket.source("m")
    assert paths(source) == [f"{number:04}" for number in range(1005)]
    with pytest.raises(SourceTooLarge):
        source.list(at_most=1000)


def test_one_object_is_found_among_many(bucket: RemoteBucket) -> None:
    """A model path that is a file is found without listing what lies beside it."""
    for key in ("m/a.onnx", "m/a.onnx.bak", "m/b.onnx"):
        bucket.put(key)
    source = bucket.source("m")
    assert [item.path for item in source.find("a.onnx")] == ["a.onnx"]
    assert source.find("c.onnx") == []
    assert [source.gone(path) for path in ("a.onnx", "c.onnx")] == [False, True]
    assert source.read("b.onnx") == b"x"


def test_a_missing_bucket_is_a_permanent_error(endpoint: str) -> None:
    """Retrying cannot help, and the message names bucket and reason."""
    with pytest.raises(SourceError, match="s3://no-such-bucket-1/m/ cannot be listed: NoSuchBucket") as error:
        S3Source(Bucket("no-such-bucket-1"), "m").list()
    assert error.value.permanent


def test_folder_placeholders_are_no_files(moto: str, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The empty objects that S3's console makes for a folder are left out; empty files are not."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    bucket = RemoteBucket(moto)
    for key, data in (("m/", b""), ("m/1/", b""), ("m/1/x", b"x"), ("m/2/", b""), ("m/empty", b"")):
        bucket.put(key, data)
    assert paths(bucket.source("m")) == ["1/x", "empty"]


@pytest.mark.parametrize("key", ["m/a//x", "m/../x", "m/./x", "m/a/\x01"])
def test_one_odd_key_does_not_hide_the_others(moto: str, aws: None, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A key that no file system could hold is listed like any other, beside the good ones."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    bucket = RemoteBucket(moto)
    for each in ("m/good/1/x", "m/folder/", key):
        bucket.put(each, b"")
    bucket.put("m/good/1/x", b"x")
    assert sorted(paths(bucket.source("m"))) == sorted(["good/1/x", key.removeprefix("m/")])


def test_a_server_that_is_away_is_an_error_and_no_deletion(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection says nothing about the objects, and may go by."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(SourceError, match="cannot be listed") as error:
        S3Source(Bucket("bucket"), "m").list()
    assert not error.value.permanent


def test_an_odd_neighbour_hides_no_file(moto: str, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model path that is a file is found although a key behind it on the page is none that could be listed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    bucket = RemoteBucket(moto)
    for key in ("m/a.onnx", "m/b//x"):
        bucket.put(key)
    source = bucket.source("m")
    [found] = source.find("a.onnx")
    assert (found.path, found.size) == ("a.onnx", 1)
    assert found == next(item for item in source.list() if item.path == "a.onnx")
    assert source.find("a.onn") == []


class _Nul(BaseHTTPRequestHandler):
    """A store that writes a key with a NUL as S3 does: as a reference that XML forbids, unless names are to be encoded."""

    def do_GET(self) -> None:
        nul = b"%00" if "encoding-type=url" in self.path else b"&#x0;"
        facts = b"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size>"
        found = b"<Contents><Key>m/%s</Key>" + facts + b"</Contents>"
        head = b"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        body = b"<ListBucketResult>%s%s%s</ListBucketResult>" % (head, found % (b"a" + nul), found % b"b")
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_response_only(403)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_a_name_that_xml_cannot_hold_does_not_hide_the_others(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that cannot be parsed is asked for again in a form that can."""
    with HTTPServer(("127.0.0.1", 0), _Nul) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        assert [item.path for item in S3Source(Bucket("bucket"), "m").list()] == ["a\0", "b"]
        server.shutdown()


class _Elsewhere(BaseHTTPRequestHandler):
    """A store whose clock is an hour behind, and whose bucket is in another region."""

    def do_HEAD(self) -> None:
        self.send_response_only(403)
        self.send_header("Date", formatdate(time.time() - 3600, usegmt=True))
        self.send_header("x-amz-bucket-region", "eu-west-3")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_time_is_the_stores_own(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages of objects are measured with the clock that stamped them, an hour behind ours or not."""
    with HTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        assert Bucket("bucket").now() - (time.time() - 3600) == pytest.approx(0, abs=2)
        server.shutdown()


class _Trickling(ThreadingHTTPServer):
    """A store that sends parts of objects a little at a time until it is `over`; `parts` are those that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Trickle)
        self.over = threading.Event()
        self.parts: list[str] = []


class _Trickle(BaseHTTPRequestHandler):
    server: _Trickling

    def do_GET(self) -> None:
        first, last = map(int, self.headers["range"].removeprefix("bytes=").split("-"))
        self.server.parts.append(self.headers["range"])
        self.send_response_only(206)
        for name, value in {
            "ETag": '"e"',
            "Last-Modified": formatdate(0, usegmt=True),
            "Content-Range": f"bytes {first}-{last}/{1 << 30}",
            "Content-Length": str(last - first + 1),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # the caller has gone
            while not self.server.over.wait(0.001):
                self.wfile.write(b"x" * 512)

    def do_HEAD(self) -> None:
        self.send_response_only(403)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


ENDS_WHILE_IT_FETCHES = """
import sys
from pathlib import Path

from runtime_handler.models.bucket import Bucket
from runtime_handler.models.s3 import S3Source
from runtime_handler.models.source import StoredObject
from runtime_handler.models.workers import Workers

source = S3Source(Bucket("bucket"), "m")
Workers(1).submit(lambda: source.fetch([StoredObject("large", 1 << 30, "e", 0.0)], "", Path(sys.argv[1])))
print(sys.stdin.readline(), end="")
sys.exit(3)
"""


def test_a_process_that_ends_does_not_wait_for_its_downloads(aws: None, tmp_path: Path) -> None:
    """Told to stop while sixteen parts of an object are under way, it ends as it should, and asks for none of the others."""
    with _Trickling() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}"}
        process = subprocess.Popen(
            [sys.executable, "-c", ENDS_WHILE_IT_FETCHES, tmp_path],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            deadline = time.monotonic() + 60
            while len(server.parts) < 16 and time.monotonic() < deadline:
                time.sleep(0.01)
            said, _ = process.communicate("the last words\n", timeout=60)
        finally:
            process.kill()
            process.wait()
            server.over.set()
            server.shutdown()
        assert (process.returncode, said) == (3, "the last words\n")
        assert len(server.parts) == 16


def test_a_manager_serves_and_reloads_from_the_server(bucket: RemoteBucket, tmp_path: Path) -> None:
    """The whole way: listing, settling, fetching, loading, a new version, a restart."""
    bucket.put("m/a/1/model", b"one")
    manager = a_manager(tmp_path, directory=f"s3://{bucket.name}/m", settle_s=0)
    manager.start()
    assert manager.get("a").value == "one"
    bucket.put("m/a/2/model", b"two")
    bucket.put("m/b/model", b"b")
    manager.tick()
    assert (manager.get("a").value, manager.get("b").value) == ("two", "b")
