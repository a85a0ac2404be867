"""What to say when a disk or an object store refuses: what, and how to mend it, in a user's words.

What a store answers is never shown as it came: its error pages repeat requests, with tokens in them.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import StoreError

NOISE = re.compile(
    r",? ?/(home|rustc|root)/[^ ]*|LanceError\(\w+\): |External error: |\?[^ ]*|<.*|\n.*", re.DOTALL
)
KEYS = {
    "S3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "GCS": "GOOGLE_APPLICATION_CREDENTIALS",
    "Azure": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Where each kind of store is given its keys; errors name the kind."""
CREDENTIALS = "check {keys}, and what they may do in this bucket"
NETWORK = "check the network and the endpoint (AWS_ENDPOINT_URL), and run the same again: what was there is as it was"
REMOTE = re.compile(
    r"Generic (?!LocalFileSystem)\w+ error|status code: |Error performing|error sending request|operation timed out|credentials?\b",
    re.I,
)
CODE = re.compile(r"<Code>(\w+)</Code>")
STATUS = re.compile(r"status code: (\d{3})")
OF_ONE_FILE = ("404", "416")
"""What only says that a file, or a part of it, is not there."""
REFUSALS: tuple[tuple[str, str, str], ...] = (
    (
        "NoSuchBucket|ContainerNotFound|The specified bucket does not exist",
        "there is no such bucket",
        "check the bucket's name, and the endpoint (AWS_ENDPOINT_URL)",
    ),
    (
        "RequestTimeTooSkewed|RequestExpired",
        "the clocks of this machine and of the store differ too much",
        "set this machine's clock",
    ),
    (
        "PermanentRedirect|IllegalLocationConstraint|AuthorizationHeaderMalformed|status code: 301",
        "the bucket lies in another region",
        "set AWS_REGION to the bucket's region",
    ),
    (
        r"169\.254\.1|CredentialsNotLoaded|no providers in chain|credentials? (?:provider|were? not)",
        "no credentials were found",
        "set {keys}; of a public S3 bucket say AWS_SKIP_SIGNATURE=true",
    ),
    (
        "InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|status code: 401",
        "the store does not know these credentials",
        CREDENTIALS,
    ),
    (
        "AccessDenied|AllAccessDisabled|AccountProblem|status code: 403|PermissionDenied|Unauthenticated",
        "these credentials may not do that in the bucket",
        CREDENTIALS,
    ),
    (
        "status code: 501|NotImplemented|not supported",
        "the store cannot do what a package needs of it",
        "use a store with conditional puts (If-None-Match)",
    ),
    (
        "SlowDown|ServiceUnavailable|InternalError|status code: 5",
        "the store fails",
        "wait a while and run the same again: what was there is as it was",
    ),
    (
        "error sending request|[Cc]onnection|timed out|dns error|error decoding response body|HTTP error",
        "the store does not answer",
        NETWORK,
    ),
)


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn the engine's and the system's failures into errors that a user can act on."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        if KeyboardInterrupt.__name__ in str(error):  # Ctrl-C while the engine called back
            raise KeyboardInterrupt from None
        raise store_error(error, where) from None


def store_error(error: BaseException, where: str) -> StoreError:
    """Say what went wrong with storage, without the engine's own stack."""
    text = str(error)
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "os error 28" in text:
        return StoreError("the disk is full", where, "free some space, or choose another disk")
    if number == errno.EFBIG or "File too large" in text or "os error 27" in text:
        return StoreError("a file would grow over the allowed size", where, "raise the limit (ulimit -f)")
    if number == errno.ENAMETOOLONG:
        return StoreError("a name is too long for this disk", where, "choose a shorter one, or another place")
    if number in (errno.ENOTDIR, errno.EEXIST):
        return StoreError("a file is in the way of a folder", where, "choose another place")
    if refused := remote_refusal(error, where):
        return refused
    if (
        number in (errno.EACCES, errno.EPERM, errno.EROFS)
        or "ermission denied" in text
        or "Read-only" in text
    ):
        return StoreError(
            "may not be written or read", where, "check the permissions, or choose another place"
        )
    return StoreError(f"storage failed: {plain(text)}", where, "check the disk")


def refusal(error: BaseException, where: str) -> StoreError | None:
    """What hinders reading without being damage: rights, limits, a store that is out of reach."""
    rights = "Permission denied (os error 13)" in str(error)
    if rights or getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE):
        return store_error(error, where)
    return remote_refusal(error, where)


def remote_refusal(error: BaseException, where: str) -> StoreError | None:
    """What an object store's answer means; None where it is none, or says only that a file is not there."""
    text = str(error)
    if not REMOTE.search(text):
        return None
    for pattern, what, fix in REFUSALS:
        if re.search(pattern, text):
            said = CODE.search(text) or STATUS.search(text)
            keys = next((keys for kind, keys in KEYS.items() if kind in text), KEYS["S3"])
            return StoreError(f"{what} ({said[1]})" if said else what, where, fix.format(keys=keys))
    status = STATUS.search(text)
    if status and (status[1] not in OF_ONE_FILE or "list request" in text):
        return StoreError(f"the store refuses ({status[1]})", where, NETWORK)
    return None


def plain(text: str) -> str:
    """The engine's words without the places in its own code, and without what a store answered."""
    return NOISE.sub("", text).strip() or "no reason given"
