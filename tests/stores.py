"""Object stores on this machine, neither of them ours: moto, which heeds ``If-None-Match``, and rclone, which does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

KEY = "AKIAEXAMPLE"
SECRET = "bVerySecretIndeed0123456789"
BUCKET = "screens"
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account that azurite has, and its key: both are in its manual."""
STARTED = (
    "Running on",
    "Starting s3 server",
    "HTTP Server started",
    "Serving HTTP on",
    "successfully listens",
)
PATIENCE_S = 60.0
BOTH = pytest.mark.parametrize("reached", ["moto", "rclone"], indirect=True)
MOTO = pytest.mark.parametrize("reached", ["moto"], indirect=True)
RCLONE = pytest.mark.parametrize("reached", ["rclone"], indirect=True)
"""What a test is run in: fixtures by name."""


@dataclass
class ObjectStore:
    """A server on a free port of this machine. `lines` is what it logs; moto logs one line for each request."""

    command: list[str]
    port: int
    single_writer: bool
    lines: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    logged: threading.Condition = field(default_factory=threading.Condition)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it, and wait until it listens."""
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__, *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean,
        )
        ready = threading.Event()
        threading.Thread(target=self._follow, args=(self.process, ready), daemon=True).start()
        assert ready.wait(PATIENCE_S), self.lines
        assert any(text in line for line in self.lines for text in STARTED), self.lines

    def stop(self) -> None:
        """Kill it, and wait until it is gone."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def requests(self) -> int:
        """How many requests it has answered, but those of this method; only moto tells."""
        marker = f"/marker-{uuid.uuid4().hex}"
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(self.endpoint + marker)
        with self.logged:
            assert self.logged.wait_for(lambda: any(marker in line for line in self.lines), PATIENCE_S)
            return sum("HTTP/1.1" in line and "/marker-" not in line for line in self.lines)

    def _follow(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self.logged:
                    self.lines.append(line)
                    self.logged.notify_all()
                if any(text in line for text in STARTED):
                    ready.set()
        ready.set()  # it has ended, or begun


def moto() -> ObjectStore:
    """A store in memory, with an empty bucket."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    store = ObjectStore(command, port, single_writer=False)
    store.start()
    asked = urllib.request.Request(f"{store.endpoint}/{BUCKET}", method="PUT")
    urllib.request.urlopen(asked).close()
    return store


def open_to_all(store: ObjectStore) -> None:
    """Let everybody read what is in the bucket, and list nothing."""
    actions = ["s3:GetObject", "s3:HeadObject"]  # moto wants the second too, which S3 does not have
    _set_policy(store, "Allow", actions)


def forbid(store: ObjectStore, *actions: str) -> None:
    """Let nobody do some things in the bucket."""
    _set_policy(store, "Deny", actions)


def _set_policy(store: ObjectStore, effect: str, actions: Sequence[str]) -> None:
    import boto3

    may = {
        "Effect": effect,
        "Principal": "*",
        "Action": list(actions),
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    told = boto3.client("s3", endpoint_url=store.endpoint, **keys)
    told.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    told.close()


def rclone(folder: Path, *options: str, public: bool = False) -> ObjectStore:
    """A store whose buckets are folders; what it holds outlives the server."""
    port = free_port()
    (folder / BUCKET).mkdir(exist_ok=True)
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder), "--config", ""]
    keys = [] if public else ["--auth-key", f"{KEY},{SECRET}"]
    command += ["--addr", f"127.0.0.1:{port}", *keys, *options]
    store = ObjectStore(command, port, single_writer=True)
    store.start()
    return store


def web(folder: Path, *, parts: bool = True) -> ObjectStore:
    """A plain web server over a folder; without `parts` it answers with whole files only. It logs each request."""
    port = free_port()
    if parts:
        command = [str(Path(sys.executable).with_name("rclone")), "serve", "http", str(folder)]
        command += ["--addr", f"127.0.0.1:{port}", "--config", "", "-vv", "--dir-cache-time", "0s"]
    else:
        command = [sys.executable, "-u", "-m", "http.server", str(port), "-b", "127.0.0.1", "-d", str(folder)]
    store = ObjectStore(command, port, single_writer=False)
    store.start()
    return store


def azurite() -> ObjectStore:
    """Microsoft's own server of their store, with an empty container; it comes from npm."""
    program = shutil.which("azurite-blob") or os.environ.get("AZURITE")
    if program is None:
        pytest.skip("azurite is not installed: npm install -g azurite, or set AZURITE to its azurite-blob")
    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    store = ObjectStore(command, port, single_writer=False)
    store.start()
    _make_container(store)
    return store


def azure_options(store: ObjectStore, key: str = AZURE_KEY) -> dict[str, str]:
    """What it takes to reach azurite."""
    endpoint = f"{store.endpoint}/{AZURE_ACCOUNT}"
    names = {"azure_storage_account_name": AZURE_ACCOUNT, "azure_storage_account_key": key}
    return {**names, "azure_storage_endpoint": endpoint, "allow_http": "true"}


def google(behind: ObjectStore) -> ObjectStore:
    """A server that speaks as Google's store does, in front of one that speaks as S3."""
    port = free_port()
    program = str(Path(__file__).with_name("google_gateway.py"))
    store = ObjectStore([sys.executable, program, str(port), behind.endpoint], port, single_writer=False)
    store.start()
    return store


def google_options(store: ObjectStore) -> dict[str, str]:
    """What makes Google's client ask another server, without a key."""
    account = {"gcs_base_url": store.endpoint, "disable_oauth": True}
    account |= dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    return {"google_service_account_key": json.dumps(account), "allow_http": "true"}


def _make_container(store: ObjectStore) -> None:
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    said = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = f"PUT{chr(10) * 12}{said}/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}\nrestype:container"
    signed = hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(signed).decode()}"
    where = f"{store.endpoint}/{AZURE_ACCOUNT}/{BUCKET}?restype=container"
    urllib.request.urlopen(urllib.request.Request(where, headers=headers, method="PUT")).close()


def refusing(status: int, code: str) -> ObjectStore:
    """A server that answers every request with one of S3's errors."""
    script = f"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Refusing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<Error><Code>{code}</Code><Message>no</Message></Error>"
        self.send_response({status})
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")
    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Refusing)
print("Running on", sys.argv[1], flush=True)
server.serve_forever()
"""
    port = free_port()
    store = ObjectStore([sys.executable, "-c", script, str(port)], port, single_writer=False)
    store.start()
    return store


def guard(command: list[str]) -> None:
    """Run a server until nobody holds our input open any more: tests that are killed leave none behind."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        sys.stdin.read()
        server.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def client(store: ObjectStore) -> S3Store:
    """The bucket, through a client of the tests' own."""
    return S3Store(
        BUCKET,
        endpoint=store.endpoint,
        access_key_id=KEY,
        secret_access_key=SECRET,
        region="us-east-1",
        client_options={"allow_http": True},
    )


def listed(store: ObjectStore, uri: str) -> list[str]:
    """The files below an address, with their paths from there."""
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    found = [one["path"] for part in obstore.list(client(store), prefix) for one in part]
    return sorted(path.removeprefix(f"{prefix}/") for path in found)


if __name__ == "__main__":
    guard(sys.argv[1:])
