"""Links that open one version of one object for a while, without keys: over moto and a real S3 server."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import requests
from botocore import auth
from moto import mock_aws

from infra.clock import SystemClock
from infra.storage.base import Description
from infra.storage.s3 import S3Store, s3_client
from tests.contract.test_storage import use_environment

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-central-1"}
ODD_KEY = "calls/2f61%2Fb/file id=é+.mp4"
SEAWEEDFS = pytest.param("seaweedfs", marks=pytest.mark.s3)
# moto looks at no signature.
REAL = pytest.mark.parametrize("store", [SEAWEEDFS], indirect=True)


@pytest.fixture(params=["moto", SEAWEEDFS])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """A bucket that keeps versions."""
    if request.param == "moto":
        use_environment(monkeypatch, KEYS)
        with mock_aws():
            yield from versioned()
    else:
        use_environment(monkeypatch, request.getfixturevalue("s3_server").environment())
        yield from versioned()


def versioned() -> Iterator[S3Store]:
    bucket = f"links-{uuid4().hex}"
    made = S3Store(bucket)
    made.ensure_bucket()
    client = s3_client(None)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    yield made
    made.close()


def put(store: S3Store, key: str, body: bytes = b"0123456789") -> str | None:
    return store.put_small(key, body, Description("video/mp4", "inline; filename=a.mp4", {}), zlib.crc32(body))


def fetch(link: str, **headers: str) -> requests.Response:
    return requests.get(str.__str__(link), headers=headers, timeout=20)


@pytest.mark.parametrize("key", ["calls/2f61/file", ODD_KEY])
def test_a_link_opens_the_object_without_keys(store: S3Store, key: str) -> None:
    """Bytes, type and ranges, as a player asks for them."""
    link = store.link(key, put(store, key), 60)

    whole, part = fetch(link), fetch(link, Range="bytes=2-4")

    assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, b"0123456789", "video/mp4")
    assert (part.status_code, part.content) == (206, b"234")
    assert fetch(link).url.startswith(f"{store.link_origin()}/")


def test_a_link_opens_its_version_alone(store: S3Store) -> None:
    """When the key was deleted and stored anew, what the link was given for is still what comes."""
    version_id = put(store, "calls/2f61/file")
    store.delete("calls/2f61/file")
    put(store, "calls/2f61/file", b"other")

    assert fetch(store.link("calls/2f61/file", version_id, 60)).content == b"0123456789"


@REAL
def test_whether_a_version_is_there(store: S3Store) -> None:
    """It is while the key is deleted, and until it is deleted itself."""
    version_id = put(store, "calls/2f61/file")
    store.delete("calls/2f61/file")
    kept = store.has("calls/2f61/file", version_id), store.has("calls/2f61/file")
    store.delete("calls/2f61/file", version_id)

    assert (*kept, store.has("calls/2f61/file", version_id)) == (True, False, False)


def test_a_link_to_what_is_gone_leads_nowhere(store: S3Store) -> None:
    """It can be made all the same: the store is not asked."""
    version_id = put(store, "calls/2f61/file")
    store.delete_all_versions("calls/2f61/file")

    assert fetch(store.link("calls/2f61/file", version_id, 60)).status_code == 404


def test_a_link_can_have_a_disposition_of_its_own(store: S3Store) -> None:
    """For saving rather than playing; without one the object's own stands."""
    version_id = put(store, "calls/2f61/file")
    saving = store.link("calls/2f61/file", version_id, 60, 'attachment; filename="call.mp4"')

    assert fetch(saving).headers["Content-Disposition"] == 'attachment; filename="call.mp4"'
    assert fetch(store.link("calls/2f61/file", version_id, 60)).headers["Content-Disposition"].startswith("inline")


@REAL
def test_a_changed_link_opens_nothing(store: S3Store) -> None:
    """Neither another object nor a longer life can be had by changing it."""
    version_id = put(store, "calls/2f61/file")
    put(store, "calls/2f61/other")
    link = str.__str__(store.link("calls/2f61/file", version_id, 60))

    assert fetch(link.replace("/file?", "/other?")).status_code == 403
    assert fetch(link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")).status_code == 403
    assert fetch(link.partition("?")[0]).status_code == 403


@REAL
def test_a_link_ends_with_its_time(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was made for a minute, an hour ago, opens nothing."""
    version_id = put(store, "calls/2f61/file")
    earlier = SystemClock().now() - timedelta(hours=1)
    with monkeypatch.context() as then:
        then.setattr(auth, "get_current_datetime", lambda: earlier.astimezone(UTC).replace(tzinfo=None))
        short, long = (store.link("calls/2f61/file", version_id, seconds) for seconds in (60, 7200))

    assert datetime.strftime(earlier, "X-Amz-Date=%Y%m%dT%H") in str.__str__(short)
    assert fetch(short).status_code == 403
    assert fetch(long).status_code == 200
