"""Google's XML interface in front of a server of S3's: what the two say differently is said in the other's words.

    python google_gateway.py PORT ENDPOINT

The two interfaces share addresses, listings, parts of files and uploads in parts. Translated are: the condition that nothing
is there (`x-goog-if-generation-match: 0` for `If-None-Match: *`), copies, and deletions, which Google takes many at once in one
multipart message and S3's server gets one by one. Tokens are dropped. What Google checks beside that (rights, generations
other than 0, its own errors) is not tried here.
"""

from __future__ import annotations

import sys
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BATCH = "/batch/storage/v1"
NOT_PASSED = {"connection", "transfer-encoding", "content-length", "host", "authorization", "keep-alive"}
BOUNDARY = "answers"
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
"""Says who asks; the server behind does not look at the signature."""


class Gateway(BaseHTTPRequestHandler):
    """Answers one client's requests."""

    protocol_version = "HTTP/1.1"
    endpoint: str

    def answer(self) -> None:
        """Ask the server behind, and pass on what it says."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith(BATCH):
            self.deleted(body.decode())
            return
        status, headers, content = self.asked(self.command, self.path, dict(self.translated()), body)
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in NOT_PASSED:
                self.send_header(name, value)
        self.send_header("x-goog-generation", "1")
        length = (
            headers["Content-Length"]
            if self.command == "HEAD" and "Content-Length" in headers
            else len(content)
        )
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - as the library names them

    def translated(self) -> Iterator[tuple[str, str]]:
        """The request's headers, as S3 has them."""
        for name, value in self.headers.items():
            known = name.lower()
            if known == "x-goog-if-generation-match":
                assert value == "0", "only that nothing is there can be asked for"
                yield "If-None-Match", "*"
            elif known == "x-goog-copy-source":
                yield "x-amz-copy-source", value
            elif known not in NOT_PASSED:
                yield name, value

    def asked(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, HTTPMessage, bytes]:
        """What the server behind says."""
        behind = HTTPConnection(urllib.parse.urlsplit(self.endpoint).netloc)
        name, _, question = path.partition("?")
        place = urllib.parse.quote(urllib.parse.unquote(name), safe="/")
        try:
            behind.request(method, f"{place}?{question}", body, {**headers, "Authorization": SIGNED})
            told = behind.getresponse()
            return told.status, told.headers, told.read()
        finally:
            behind.close()

    def deleted(self, body: str) -> None:
        """Delete each of many objects."""
        boundary = self.headers["Content-Type"].partition("boundary=")[2].strip('"')
        answers = []
        for part in body.split(f"--{boundary}")[1:-1]:
            head, _, request = part.strip().partition("\r\n\r\n")
            number = head.lower().partition("content-id: <")[2].partition(">")[0]
            method, path, *_ = request.split(" ")
            assert method == "DELETE"
            bucket, _, name = path.removeprefix("/storage/v1/b/").partition("/o/")
            status, _, _ = self.asked("DELETE", f"/{bucket}/{name}", {})
            answers.append(
                f"--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
                f"HTTP/1.1 {status} Answered\r\nContent-Length: 0\r\n\r\n\r\n"
            )
        content = ("".join(answers) + f"--{BOUNDARY}--\r\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/mixed; boundary={BOUNDARY}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *values: object) -> None:
        """One line for each request, as moto's."""
        print(f"{self.command} {self.path} HTTP/1.1", flush=True)


if __name__ == "__main__":
    Gateway.endpoint = sys.argv[2]
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway)
    print("Running on", sys.argv[1], flush=True)
    server.serve_forever()
