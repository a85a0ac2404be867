"""A web server on this machine that serves files as servers do, or as they should not.

It listens on a free port of 127.0.0.1 while a `with` block runs. What a path does at its next requests is said by
`plan`; the last of them is kept to. `asked` logs every request.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Serving:
    """How one request is answered.

    Parameters
    ----------
    status, location, headers
        Something else than the file; where a redirect leads; more to say.
    drop_after
        Close the connection after so many bytes of the body.
    length
        What to add to the true length where it is told.
    ranges, marks
        Whether parts are sent, and whether the file's state has a mark (an ETag) that is heeded.
    ignores_if_range
        Send the part even if the file is another one meanwhile.
    content
        Other bytes than the file's.
    untold, chunked
        Tell no length at all; send the body in chunks, as servers do that do not know it.
    pause
        Wait for this before the rest of the body is sent, `at` so many bytes.
    """

    status: int = 200
    location: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    length: int = 0
    ranges: bool = True
    marks: bool = True
    ignores_if_range: bool = False
    content: bytes | None = None
    untold: bool = False
    chunked: bool = False
    pause: threading.Event | None = None
    at: int = 0


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    path: str
    headers: Message


@dataclass(repr=False)
class Site:
    """The files that are served, what each path does next, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    plans: dict[str, list[Serving]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    url: str = ""
    paused: threading.Event = field(default_factory=threading.Event)

    def __repr__(self) -> str:
        return f"Site({self.url!r})"

    def plan(self, path: str, *servings: Serving) -> None:
        """Say how the next requests for a path are answered."""
        self.plans[path] = list(servings)

    def put(self, path: str, content: bytes) -> str:
        """Serve a file; its address."""
        self.files[path] = content
        return f"{self.url}/{path}"

    def ranges(self) -> list[str]:
        """The ranges that were asked for, of all requests in order."""
        return [request.headers.get("Range", "") for request in self.asked]

    def next(self, path: str) -> Serving:
        planned = self.plans.get(path, [])
        if not planned:
            return Serving()
        return planned.pop(0) if len(planned) > 1 else planned[0]


@contextmanager
def serving(files: Mapping[str, bytes] | None = None, certificate: Path | None = None) -> Iterator[Site]:
    """Serve files while the block runs, over https where there is a certificate with its key."""
    site = Site(dict(files or {}))

    class Handler(_Handler):
        pass

    Handler.site = site
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def handle(self) -> None:
        """Clients that go away in the middle are what some tests are about."""
        with suppress(ConnectionResetError, ssl.SSLError):
            super().handle()

    def log_message(self, format: str, *values: object) -> None:
        """The tests read `asked` instead."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.site.asked.append(Request(self.path, self.headers))
        how = self.site.next(path)
        content = how.content if how.content is not None else self.site.files.get(path)
        if how.status == 200 and content is None:
            how = Serving(status=404)
        try:
            if how.status != 200:
                self._say(how.status, {"Location": how.location, **how.headers}, how.content or b"no file")
            else:
                assert content is not None
                self._send(how, content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, how: Serving, content: bytes) -> None:
        mark = f'"{hashlib.md5(content).hexdigest()}"'
        if how.marks and self.headers.get("If-None-Match") == mark:
            self._say(304, {"ETag": mark}, b"")
            return
        start, status, extent = 0, 200, {}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = how.ignores_if_range or self.headers.get("If-Range", mark) == mark
        if asked and how.ranges and same:
            start = int(asked[1])
            if start >= len(content):
                self._say(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                return
            status, extent = 206, {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        body = content[start:]
        headers = {**({"ETag": mark} if how.marks else {}), **extent, **how.headers}
        headers |= {"Transfer-Encoding": "chunked"} if how.chunked else {}
        self._head(status, headers, None if how.untold or how.chunked else len(body) + how.length)
        if how.pause is not None:
            self.wfile.write(body[: how.at])
            self.site.paused.set()
            how.pause.wait(300)
            body = body[how.at :]
        body = body if how.drop_after is None else body[: how.drop_after]
        if how.chunked:
            body = b"".join(
                b"%x\r\n%s\r\n" % (len(body[at : at + 99]), body[at : at + 99])
                for at in range(0, len(body), 99)
            )
            body += b"" if how.drop_after is not None else b"0\r\n\r\n"
        self.wfile.write(body)
        self.wfile.flush()
        whole = how.drop_after is None and how.length == 0 and not how.untold
        self.close_connection = not whole

    def _say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._head(status, headers, len(body))
        self.wfile.write(body)

    def _head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 that only whoever is given it trusts, with its key in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(encoding) + secret)
    return path
