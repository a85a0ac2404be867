"""Object stores on this machine, neither of them ours: moto, which heeds ``If-None-Match``, and rclone, which does not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

KEY = "AKIAEXAMPLE"
SECRET = "bVerySecretIndeed0123456789"
BUCKET = "screens"
STARTED = ("Running on", "Starting s3 server", "HTTP Server started", "Serving HTTP on")
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
    import boto3

    actions = ["s3:GetObject", "s3:HeadObject"]  # moto wants the second too, which S3 does not have
    may = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    told = boto3.client("s3", endpoint_url=store.endpoint, **keys)
    told.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
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
