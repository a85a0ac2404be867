"""A gate before an object store: it counts the requests that change something, and lets no more through after some.

The builder that asks is killed before such a request reaches the store, and whatever else it still had on the way is
dropped: as if its machine had lost power at that moment.
"""

from __future__ import annotations

import os
import signal
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

CHANGES = ("PUT", "POST", "DELETE")
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "date", "server")


class Gate:
    """Listens on a free port of this machine and passes on to a store: ``with Gate(store.endpoint) as gate``."""

    def __init__(self, endpoint: str) -> None:
        self.to = urlsplit(endpoint).netloc
        self.steps: list[str] = []
        self._kill_at: int | str = 0
        self._pid, self._shut = 0, False
        self._turn = threading.Lock()
        handler = type("Handler", (_Handler,), {"gate": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        """Where a builder finds the store."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Gate:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def watch(self, pid: int, kill_at: int | str = 0) -> None:
        """Count from now, and kill a process before that step, from 1, or before the first that has this in its path."""
        self.steps, self._pid, self._kill_at, self._shut = [], pid, kill_at, False

    def passes(self, step: str) -> bool:
        """Whether a request may go on to the store."""
        with self._turn:
            if step.startswith(CHANGES) and not self._shut:
                self.steps.append(step)
                if self._kill_at == len(self.steps) or (
                    isinstance(self._kill_at, str) and self._kill_at in step
                ):
                    os.kill(self._pid, signal.SIGKILL)
                    self._shut = True
            return not self._shut


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: Gate

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.gate.passes(f"{self.command} {unquote(urlsplit(self.path).path)}"):
            self.close_connection = True
            return
        store = HTTPConnection(self.gate.to)
        store.request(self.command, self.path, body or None, dict(self.headers.items()))
        answer = store.getresponse()
        content = answer.read()
        store.close()
        try:
            self.send_response(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            if not answer.getheader("Content-Length"):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # whoever asked was killed meanwhile
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - names of the library

    def log_message(self, *_: object) -> None:
        """Say nothing."""
