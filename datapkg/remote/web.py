"""Files of web servers, over https and http.

urllib3 speaks with the server; what may be followed, what is tried again and what is said of it is decided here.
Redirects lead to https (or from http to http) and nowhere else. A login is taken from ``~/.netrc`` (or where
``NETRC`` says), for the host that it is given for and over https only, and is never shown.
"""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from ..addresses import WEB, scheme_of
from ..errors import SourceError
from ..installed import version_of
from . import patience
from .answers import Answer, Asked, Pieces, UnmodifiedError, nothing
from .patience import InterruptedTransferError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

MOST_REDIRECTS = 10
REDIRECTS = (301, 302, 303, 307, 308)
LATER = (408, 425, 429, 500, 502, 503, 504)
PIECE_BYTES = 1 << 18
RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
AGAIN = "build again: what was fetched so far is kept"


@dataclass
class Connections:
    """The open connections of one build, one pool for each way out; closed at its end."""

    pools: dict[str, PoolManager] = field(default_factory=dict)

    def pool(self, url: str) -> PoolManager:
        """The pool for an address: through the proxy that the environment names, or straight."""
        from urllib.request import getproxies, proxy_bypass  # these bring ssl with them

        import urllib3

        parts = urlsplit(url)
        bypassed = proxy_bypass(parts.hostname or "") or _is_loopback(parts.hostname)
        proxy = "" if bypassed else getproxies().get(parts.scheme, "")
        if proxy not in self.pools:
            timeout = urllib3.Timeout(connect=patience.CONNECT_S, read=patience.READ_S)
            pool = (
                urllib3.ProxyManager(proxy, maxsize=patience.TRANSFERS, timeout=timeout)
                if proxy
                else urllib3.PoolManager(maxsize=patience.TRANSFERS, timeout=timeout)
            )
            self.pools[proxy] = pool
        return self.pools[proxy]

    def close(self) -> None:
        """Close all of them."""
        for pool in self.pools.values():
            pool.clear()


@dataclass
class WebFile:
    """One file of a web server; `shown` is how it is called in errors."""

    url: str
    shown: str
    connections: Connections

    def ask(self, asked: Asked) -> Answer:
        """Ask for the file, or the rest of it."""
        response = self._followed(_headers(asked))
        status = response.status
        if status == 304 and asked.known and not asked.start:
            response.close()
            raise UnmodifiedError
        if status == 416 and asked.start:
            response.close()
            return self._from_the_end(asked, response)
        if status not in (200, 206):
            response.close()
            raise self._refusal(status, response.headers)
        tag = _tag(response.headers)
        start, total = self._extent(response)
        wrong_part = status == 206 and (start != asked.start or bool(asked.tag and tag and tag != asked.tag))
        if wrong_part and asked.start:
            response.close()
            return self.ask(Asked(known=asked.known))
        if wrong_part:
            response.close()
            raise SourceError(
                "the server sends a part of the file where all of it was asked for", self.shown, AGAIN
            )
        is_page = response.headers.get("Content-Type", "").lower().startswith("text/html")
        return Answer(start, total, tag, self._pieces(response), is_page)

    def _extent(self, response: BaseHTTPResponse) -> tuple[int, int | None]:
        """The number of the first byte that is sent, and of all bytes of the file."""
        if response.status == 200:
            said = {one.strip() for one in response.headers.get("Content-Length", "").split(",")}
            if said == {""}:
                return 0, None
            if len(said) == 1 and (length := said.pop()).isdecimal():
                return 0, int(length)
            response.close()  # a client that overlooks it takes what came before a break for the whole
            fix = "ask who runs the server; DATAPKG_MIRROR can name a copy"
            raise SourceError("the server gives a length that is no number", self.shown, fix)
        found = RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or found[1] is None:
            return -1, None
        return int(found[1]), int(found[3]) if found[3] != "*" else None

    def _from_the_end(self, asked: Asked, response: BaseHTTPResponse) -> Answer:
        """There is nothing behind what was fetched: that was all, or the file is another one now."""
        found = RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if asked.tag and found and found[3] == str(asked.start):
            return Answer(asked.start, asked.start, asked.tag, nothing())
        return self.ask(Asked(known=asked.known))

    def _followed(self, headers: Mapping[str, str]) -> BaseHTTPResponse:
        url = self.url
        for _ in range(MOST_REDIRECTS + 1):
            response = self._sent(url, headers)
            location = response.headers.get("Location", "")
            if response.status not in REDIRECTS or not location:
                return response
            response.close()
            url = self._next(url, location)
        what = f"is redirected more than {MOST_REDIRECTS} times, perhaps in a circle"
        raise SourceError(what, self.shown, "open it in a browser, and write the address that it ends at")

    def _next(self, url: str, location: str) -> str:
        """Where a redirect leads, without a login that it may hold."""
        target = urljoin(url, location)
        scheme = scheme_of(target) or target.partition(":")[0].lower()
        if scheme not in WEB or (scheme == "http" and url.startswith("https:")):
            what = f"is redirected to a {scheme}: address, which is not followed"
            raise SourceError(
                what, self.shown, "ask who runs the server; write the https address of the file"
            )
        parts = urlsplit(target)
        return urlunsplit((scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))

    def _sent(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        from urllib3 import exceptions

        try:
            return self.connections.pool(url).request(
                "GET",
                url,
                headers={**headers, **_login(url)},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except exceptions.SSLError:
            what = "the server's certificate is not valid, so nobody knows whose bytes these are"
            raise SourceError(what, self.shown, "check the address, and this machine's clock") from None
        except (exceptions.LocationParseError, UnicodeError):
            raise SourceError("is no address", self.shown, "correct it") from None
        except exceptions.HTTPError as error:
            raise InterruptedTransferError(_why(error)) from None

    def _pieces(self, response: BaseHTTPResponse) -> Pieces:
        from urllib3 import exceptions

        try:
            while piece := response.read1(PIECE_BYTES, decode_content=False):  # what has come, however little
                yield piece
        except exceptions.HTTPError as error:
            raise InterruptedTransferError(_why(error)) from None
        finally:
            response.close()

    def _refusal(self, status: int, headers: Mapping[str, str]) -> SourceError | InterruptedTransferError:
        if status in LATER:
            after = headers.get("Retry-After", "")
            return InterruptedTransferError(
                f"the server fails ({status})", float(after) if after.isdecimal() else 0.0
            )
        if status in (404, 410):
            fix = "find where the file is now, and correct the address; DATAPKG_MIRROR can name a copy"
            return SourceError(f"the file is not there ({status})", self.shown, fix)
        if status in (401, 403, 407):
            fix = "open it in a browser; a login for the server belongs in ~/.netrc"
            return SourceError(f"the server does not allow to read it ({status})", self.shown, fix)
        return SourceError(f"the server refuses to send it ({status})", self.shown, "open it in a browser")


def _headers(asked: Asked) -> dict[str, str]:
    headers = {"User-Agent": f"datapkg/{version_of('lance-datapkg')}", "Accept-Encoding": "identity"}
    if asked.start:
        headers["Range"] = f"bytes={asked.start}-"
        if asked.tag and not asked.tag.startswith("W/"):
            headers["If-Range"] = asked.tag
    elif asked.known:
        is_mark = asked.known.startswith(('"', "W/"))
        headers["If-None-Match" if is_mark else "If-Modified-Since"] = asked.known
    return headers


def _tag(headers: Mapping[str, str]) -> str:
    """The server's mark of the file's state: its ETag, else when it was changed."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith(('"', 'W/"')) else headers.get("Last-Modified", "")


def _login(url: str) -> dict[str, str]:
    """What ``~/.netrc`` says of the host; a login goes over https, or stays on this machine."""
    import urllib3

    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname):
        return {}
    try:
        found = netrc.netrc(os.environ.get("NETRC")).hosts.get(parts.hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    return dict(urllib3.make_headers(basic_auth=f"{found[0]}:{found[2]}")) if found else {}


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _why(error: Exception) -> str:
    """What broke, without the library's words, which show addresses and logins."""
    from urllib3 import exceptions

    if isinstance(error, exceptions.NameResolutionError):
        return "the server's name is not known"
    if isinstance(error, exceptions.NewConnectionError):
        return "the server cannot be reached"
    if isinstance(error, exceptions.TimeoutError):
        return "the server does not answer"
    return "the connection was cut off"
