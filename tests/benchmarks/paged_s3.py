"""An S3 server that answers listings from pages made beforehand: `python -m tests.benchmarks.paged_s3 MODELS FILES`.

The bucket holds `m/model-00000/1/file-0` and so on. Prints its address; every GET of an object gets four bytes.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
DATA = b"data"
ETAG = "8d777f385d3dfec8815d20f7496026dc"


def pages(models: int, files: int) -> list[bytes]:
    """Every page of a listing of the whole bucket."""
    keys = [f"m/model-{model:05}/1/file-{file}" for model in range(models) for file in range(files)]
    result = []
    for start in range(0, max(len(keys), 1), PAGE):
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{ETAG}&quot;</ETag><Size>{len(DATA)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys[start : start + PAGE]
        )
        more = start + PAGE < len(keys)
        token = f"<NextContinuationToken>{start // PAGE + 1}</NextContinuationToken>" if more else ""
        head = f"<Name>b</Name><Prefix></Prefix><MaxKeys>{PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>"
        xml = f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>{head}{token}{contents}</ListBucketResult>'
        result.append(xml.encode())
    return result


class Handler(BaseHTTPRequestHandler):
    """Counts what it is asked: a GET of /counts tells how many listings and objects."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    pages: tuple[bytes, ...] = ()
    counts = {"list": 0, "get": 0, "head": 0}  # noqa: RUF012  one server a process

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.path == "/counts":
            self._answer(repr(self.counts).encode())
        elif "list-type" in query:
            self.counts["list"] += 1
            self._answer(self.pages[int(query.get("continuation-token", ["0"])[0])])
        else:
            self.counts["get"] += 1
            self._answer(DATA)

    def do_HEAD(self) -> None:
        self.counts["head"] += 1
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{ETAG}"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def main(models: int, files: int) -> None:
    """Serve until killed."""
    Handler.pages = tuple(pages(models, files))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
