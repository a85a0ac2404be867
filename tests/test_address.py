"""Addresses in buckets, and what it takes to reach them."""

from __future__ import annotations

from pathlib import Path

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapkg.errors import StoreError
from datapkg.places import place
from datapkg.places.address import address, options_for
from datapkg.places.failures import plain, remote_refusal, storage_errors, store_error

HERE = address("s3://screens/nf1")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://screens", "screens", ""),
        ("s3://screens/", "screens", ""),
        ("gs://screens/a/b/", "screens", "a/b"),
        ("az://screens/Größe 1/b+c", "screens", "Größe 1/b+c"),
    ],
)
def test_an_address_is_read(text: str, bucket: str, prefix: str) -> None:
    found = address(text)
    assert (found.bucket, found.prefix) == (bucket, prefix)
    assert str(found) == text.rstrip("/")


@given(st.lists(st.text("abcäöü -_.=+&~'()1", min_size=1), max_size=3))
def test_an_address_comes_back(parts: list[str]) -> None:
    prefix = "/".join(part if part.strip(".") else "x" for part in parts)
    assert address(str(address(f"s3://screens/{prefix}"))) == address(f"s3://screens/{prefix}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("s3://", "no address in a bucket"),
        ("s3:///p", "no address in a bucket"),
        ("s3://b/a//c", "no address in a bucket"),
        ("s3://b/../c", "no address in a bucket"),
        ("s3://b/a%41", "one of %"),
        ("s3://b/p?versionId=1", "one of %"),
        ("s3://b/p#1", "one of %"),
        ("s3://b/a\nb", "one of %"),
        ("s3://key:secret@b/p", "no place for credentials"),
    ],
)
def test_what_is_no_address_is_refused(text: str, what: str) -> None:
    with pytest.raises(StoreError, match=what) as refused:
        address(text)
    assert "secret" not in str(refused.value)
    assert "versionId" not in str(refused.value)


def test_options_come_before_the_environment_before_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.text(tmp_path / ".aws" / "credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=%B\n")
    make.text(tmp_path / ".aws" / "config", "[default]\nregion=eu-1\nendpoint_url=https://one.example\n")
    found = options_for(HERE, None)
    assert (found["aws_access_key_id"], found["aws_secret_access_key"]) == ("A", "%B")
    assert (found["aws_region"], found["aws_endpoint"]) == ("eu-1", "https://one.example")
    monkeypatch.setenv("AWS_REGION", "eu-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://two.example/")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    found = options_for(HERE, None)
    assert found["aws_access_key_id"] == "E"  # for workers on machines that have no such environment
    assert (found["aws_region"], found["aws_endpoint"]) == ("eu-2", "https://two.example")
    found = options_for(HERE, {"REGION": "eu-3", "endpoint": "http://localhost:1", "timeout": "9s"})
    assert (found["aws_region"], found["aws_endpoint"]) == ("eu-3", "http://localhost:1")
    assert (found["allow_http"], found["timeout"], found["connect_timeout"]) == ("true", "9s", "5s")


def test_plain_http_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("127.0.0.1:9000", "localhost", "[::1]:9000"):
        assert options_for(HERE, {"aws_endpoint": f"http://{host}"})["allow_http"] == "true"
    with pytest.raises(StoreError, match="plain http"):
        options_for(HERE, {"aws_endpoint": "http://store.example"})
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert options_for(HERE, {"aws_endpoint": "http://store.example"})["allow_http"] == "true"


def test_a_profile_without_keys_or_a_broken_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.text(tmp_path / ".aws" / "config", "[profile sso]\nsso_start_url = https://x\n")
    monkeypatch.setenv("AWS_PROFILE", "sso")
    with pytest.raises(StoreError, match="has no access key of its own"):
        options_for(HERE, None)
    make.text(tmp_path / ".aws" / "credentials", "[lab]\nmySecretKey\n[lab]\n")
    with pytest.raises(StoreError, match="cannot be understood") as refused:
        options_for(HERE, None)
    assert "mySecretKey" not in str(refused.value)


def answer(status: str, code: str, more: str = "") -> OSError:
    """What both clients make of a store's answer."""
    return OSError(
        "Generic S3 error: Error performing GET https://s3.example/b/p?X-Amz-Signature=deadbeef in 3ms - Server returned "
        f"non-2xx status code: {status}: <?xml?>\n<Error><Code>{code}</Code><Message>m</Message>{more}</Error>"
    )


TOKEN = "<CanonicalRequest>x-amz-security-token:myToken</CanonicalRequest><AWSAccessKeyId>AKIAMINE</AWSAccessKeyId>"


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (answer("403 Forbidden", "SignatureDoesNotMatch", TOKEN), "does not know these credentials"),
        (answer("403 Forbidden", "AccessDenied", TOKEN), "may not do that"),
        (answer("403 Forbidden", "RequestTimeTooSkewed", TOKEN), "clocks"),
        (answer("404 Not Found", "NoSuchBucket"), "no such bucket"),
        (answer("301 Moved", "PermanentRedirect"), "another region"),
        (answer("503 Slow Down", "SlowDown"), "the store fails"),
        (answer("501 Not Implemented", "NotImplemented"), "cannot do what a package needs"),
        (answer("418 Teapot", "Odd", TOKEN), r"refuses \(418\)"),
        (OSError("Generic S3 error: HTTP error: error sending request"), "does not answer"),
    ],
)
def test_what_a_store_answers_is_told_in_plain_words(error: OSError, what: str) -> None:
    with pytest.raises(StoreError, match=what) as told:
        raise store_error(error, "s3://b/p")
    for secret in ("myToken", "AKIAMINE", "deadbeef", "Signature="):
        assert secret not in str(told.value)
        assert secret not in plain(str(error))


@pytest.mark.parametrize("status", ["404 Not Found", "416 Range Not Satisfiable"])
def test_a_file_that_is_not_there_is_no_refusal(status: str) -> None:
    assert remote_refusal(answer(status, "NoSuchKey"), "s3://b/p") is None
    assert remote_refusal(OSError("Generic LocalFileSystem error: failed to fill whole buffer"), "p") is None


def test_each_kind_of_store_is_told_of_its_own_keys() -> None:
    for kind, keys in (
        ("S3", "AWS_PROFILE"),
        ("GCS", "GOOGLE_APPLICATION"),
        ("MicrosoftAzure", "AZURE_STORAGE"),
    ):
        refused = remote_refusal(OSError(str(answer("403 Forbidden", "X")).replace("S3", kind)), "gs://b/p")
        assert refused is not None
        assert keys in refused.fix


def test_a_missing_option_is_told() -> None:
    with pytest.raises(StoreError, match="a storage option is missing") as told:
        place("az://container/p", {"timeout": "9s"}).names()
    assert "given are none" in told.value.fix


def test_ctrl_c_while_the_engine_calls_back_is_no_fault_of_the_disk() -> None:
    told = "Invalid user input: Failed to call complete() on WriteFragmentProgress: KeyboardInterrupt: , src/dataset.rs"
    with pytest.raises(KeyboardInterrupt), storage_errors("table t"):
        raise OSError(told)
