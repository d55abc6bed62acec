"""The promises of ObjectStore, over the fake, moto and a real S3 server."""

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import uuid4

import pytest
from moto import mock_aws

from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.local.s3_server import S3Server
from infra.storage.base import AlreadyThere, Description, ObjectMissing, ObjectStore, Part, Provisioned, UploadGone
from infra.storage.s3 import S3Store, s3_client
from tests.unit.infra.storage.memory_store import MemoryStore

MEBIBYTE = 1024 * 1024
TAGS = {"retention": "180d", "hold": "none", "meeting": "/aB+c/d==", "order": "o 1_.:@-"}
DESCRIPTION = Description(
    "video/mp4", "inline; filename=\"a.mp4\"; filename*=UTF-8''%C3%A9.mp4", TAGS, {"sha256": "ab"}
)
ODD_KEY = "calls/2f61%2Fb/file id=é+.mp4"


@pytest.fixture
def key() -> str:
    return f"calls/{uuid4().hex}/file"


# moto takes any checksum, breaks on completing an upload that is gone, and is not asked by links.
NOT_MOTO = pytest.mark.parametrize("store", ["memory", pytest.param("seaweedfs", marks=pytest.mark.s3)], indirect=True)
SEAWEEDFS = pytest.param("seaweedfs", marks=pytest.mark.s3)


class MotoStore(S3Store):
    """moto in-process cannot read a bytearray, which a socket can."""

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray, crc32: int) -> Part:
        return super().upload_part(key, upload_id, number, bytes(body), crc32)


@pytest.fixture(params=["memory", "moto", SEAWEEDFS])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "moto":
        use_environment(
            monkeypatch,
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-central-1"},
        )
        with mock_aws():
            yield from made(MotoStore("contract"))
    else:
        use_environment(monkeypatch, request.getfixturevalue("s3_server").environment())
        yield from made(S3Store("contract"))


def made(store: S3Store) -> Iterator[S3Store]:
    store.ensure_bucket()
    yield store
    store.close()


def use_environment(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def put(store: ObjectStore, key: str, body: bytes = b"hello") -> str | None:
    return store.put_small(key, body, DESCRIPTION, zlib.crc32(body))


def begin(store: ObjectStore, key: str, *bodies: bytes) -> tuple[str, list, int]:
    upload_id = store.create_multipart(key, DESCRIPTION)
    parts = [
        store.upload_part(key, upload_id, number, body, zlib.crc32(body)) for number, body in enumerate(bodies, start=1)
    ]
    return upload_id, parts, zlib.crc32(b"".join(bodies))


def test_head_when_there_is_nothing(store: ObjectStore, key: str) -> None:
    """A key that is free has no info."""
    assert store.head(key) is None


def test_a_small_object_comes_back_as_it_was_put(store: ObjectStore, key: str) -> None:
    """Size, type, checksum, metadata, tags and bytes are those that were given."""
    version_id = put(store, key)

    found = store.head(key, version_id)
    assert found is not None
    assert (found.size_bytes, found.content_type, found.crc32) == (5, "video/mp4", zlib.crc32(b"hello"))
    assert found.metadata == {"sha256": "ab"}
    assert found.modified_at.tzinfo is not None
    assert store.get_tags(key, version_id) == TAGS
    assert b"".join(store.read(key, version_id)) == b"hello"


@NOT_MOTO
@pytest.mark.parametrize("name", ["calls/2f61/file", ODD_KEY])
def test_whether_an_object_is_there(store: ObjectStore, name: str) -> None:
    """Told as it is at the moment, whatever the key holds."""
    store.delete(name)
    before = store.has(name)
    put(store, name)
    there = store.has(name)
    store.delete(name)

    assert (before, there, store.has(name)) == (False, True, False)


def test_an_odd_key_is_kept_as_it_is(store: ObjectStore) -> None:
    """Percent signs, spaces and accents in a key change nothing."""
    store.delete(ODD_KEY)
    put(store, ODD_KEY)

    assert store.head(ODD_KEY) is not None
    assert b"".join(store.read(ODD_KEY)) == b"hello"


def test_putting_where_an_object_stands(store: ObjectStore, key: str) -> None:
    """A key that is taken is refused and what stands there is left alone."""
    put(store, key)

    with pytest.raises(AlreadyThere):
        put(store, key, b"other")
    assert b"".join(store.read(key)) == b"hello"


def test_a_multipart_object_is_visible_only_when_complete(store: ObjectStore, key: str) -> None:
    """Before complete there is nothing; after it everything, tags and whole checksum included."""
    first, last = bytes(5 * MEBIBYTE), b"the end"
    upload_id, parts, crc32 = begin(store, key, first, last)
    before = store.head(key)

    version_id = store.complete(key, upload_id, parts, crc32)

    assert before is None
    found = store.head(key, version_id)
    assert found is not None
    assert (found.size_bytes, found.crc32) == (len(first) + len(last), crc32)
    assert store.get_tags(key, version_id) == TAGS
    assert b"".join(store.read(key)) == first + last


def test_a_part_may_be_a_bytearray(store: ObjectStore, key: str) -> None:
    """A reused buffer is sent as it stands."""
    upload_id = store.create_multipart(key, DESCRIPTION)
    body = bytearray(b"abc")
    part = store.upload_part(key, upload_id, 1, body, zlib.crc32(body))
    body[:] = b"xyz"

    store.complete(key, upload_id, [part], zlib.crc32(b"abc"))

    assert b"".join(store.read(key)) == b"abc"


def test_completing_where_an_object_stands(store: ObjectStore, key: str) -> None:
    """An upload never replaces an object that was finished first."""
    upload_id, parts, crc32 = begin(store, key, b"late")
    put(store, key)

    with pytest.raises(AlreadyThere):
        store.complete(key, upload_id, parts, crc32)
    assert b"".join(store.read(key)) == b"hello"
    store.abort(key, upload_id)


@NOT_MOTO
def test_completing_with_a_wrong_checksum(store: ObjectStore, key: str) -> None:
    """Bytes that are not those that came are not made visible."""
    upload_id, parts, crc32 = begin(store, key, b"damaged")

    with pytest.raises((TransientError, PermanentError)):
        store.complete(key, upload_id, parts, crc32 ^ 1)
    assert store.head(key) is None
    store.abort(key, upload_id)


@NOT_MOTO
def test_aborting_twice_and_going_on(store: ObjectStore, key: str) -> None:
    """Abort is harmless twice; afterwards the upload is gone."""
    upload_id, parts, crc32 = begin(store, key, b"abc")

    store.abort(key, upload_id)
    store.abort(key, upload_id)

    with pytest.raises(UploadGone):
        store.complete(key, upload_id, parts, crc32)
    assert store.head(key) is None


def test_reading_a_part_of_an_object(store: ObjectStore, key: str) -> None:
    """A cap on the bytes is kept."""
    put(store, key, b"0123456789")

    assert b"".join(store.read(key, max_bytes=4)) == b"0123"
    assert b"".join(store.read(key, max_bytes=40)) == b"0123456789"


def test_a_missing_object(store: ObjectStore, key: str) -> None:
    """Reading and tagging what is not there is a permanent error; deleting it is not one."""
    with pytest.raises(ObjectMissing):
        store.read(key)
    with pytest.raises(ObjectMissing):
        store.get_tags(key)
    with pytest.raises(ObjectMissing):
        store.replace_tags(key, None, TAGS)
    store.delete(key)


def test_replacing_tags(store: ObjectStore, key: str) -> None:
    """The new set is all there is."""
    version_id = put(store, key)

    store.replace_tags(key, version_id, {"hold": "legal"})

    assert store.get_tags(key, version_id) == {"hold": "legal"}


def test_deleting_an_object(store: ObjectStore, key: str) -> None:
    """What is deleted is gone, and the key is free again."""
    put(store, key)

    store.delete(key)

    assert store.head(key) is None
    put(store, key)


def test_ensuring_the_bucket_twice(store: ObjectStore) -> None:
    """The second time there is nothing left to do."""
    assert store.ensure_bucket() == Provisioned("there", "unchanged")


def test_without_object_lock_there_are_no_legal_holds(store: ObjectStore, key: str) -> None:
    """It is said; an object that should be held is stored all the same."""
    version_id = store.put_small(key, b"hello", replace(DESCRIPTION, legal_hold=True), zlib.crc32(b"hello"))

    assert store.legal_hold(key, version_id) is None
    with pytest.raises(PermanentError):
        store.set_legal_hold(key, version_id, on=True)


@pytest.fixture
def locked(store: ObjectStore) -> Iterator[ObjectStore]:
    """The same store with a bucket that was made with Object Lock."""
    if isinstance(store, MemoryStore):
        yield MemoryStore(locks=True)
        return
    fresh = type(store)(f"locked-{uuid4().hex}")
    assert fresh.ensure_bucket(object_lock=True).bucket == "made"
    yield fresh
    fresh.close()


def test_what_is_under_legal_hold_cannot_be_deleted(locked: ObjectStore, key: str) -> None:
    """Not by the owner of the bucket either, until it is taken off; its tags may change meanwhile."""
    version_id = put(locked, key)
    assert locked.legal_hold(key, version_id) is False
    locked.set_legal_hold(key, version_id, on=True)
    locked.replace_tags(key, version_id, {"hold": "legal"})

    with pytest.raises(PermanentError):
        locked.delete(key, version_id)
    assert locked.legal_hold(key, version_id) is True
    assert b"".join(locked.read(key, version_id)) == b"hello"

    locked.set_legal_hold(key, version_id, on=False)
    assert locked.legal_hold(key, version_id) is False
    locked.delete(key, version_id)
    assert locked.head(key, version_id) is None


HELD = replace(DESCRIPTION, legal_hold=True)


def test_an_object_is_held_from_its_first_moment(locked: ObjectStore, key: str) -> None:
    """The legal hold is part of what it is stored with, as its tags are."""
    version_id = locked.put_small(key, b"hello", HELD, zlib.crc32(b"hello"))

    assert locked.legal_hold(key, version_id) is True
    locked.set_legal_hold(key, version_id, on=False)


@NOT_MOTO
def test_a_multipart_object_is_held_from_its_first_moment(locked: ObjectStore, key: str) -> None:
    """moto 5.2.5 forgets it; for such stores the archive reads it back."""
    upload_id = locked.create_multipart(key, HELD)
    part = locked.upload_part(key, upload_id, 1, b"hello", zlib.crc32(b"hello"))

    version_id = locked.complete(key, upload_id, [part], zlib.crc32(b"hello"))

    assert locked.legal_hold(key, version_id) is True
    locked.set_legal_hold(key, version_id, on=False)


def test_a_legal_hold_of_what_is_not_there(locked: ObjectStore, key: str) -> None:
    """Looking and setting are permanent errors that say so."""
    with pytest.raises(ObjectMissing):
        locked.legal_hold(key)
    with pytest.raises(ObjectMissing):
        locked.set_legal_hold(key, None, on=True)


@pytest.mark.parametrize("store", ["moto", SEAWEEDFS], indirect=True)
class TestS3:
    """What only the S3 adapter can be asked."""

    def test_a_missing_bucket_is_the_operators_business(self, store: ObjectStore, key: str) -> None:
        """Writing into no bucket is told as a setting that is wrong."""
        elsewhere = S3Store("not-there-at-all")

        with pytest.raises(ConfigurationError, match="ARCHIVE_BUCKET"):
            put(elsewhere, key)
        elsewhere.close()

    def test_a_new_bucket_is_made_with_its_rules(self, store: ObjectStore) -> None:
        """A missing bucket is made once; a customer's own rule stays, an old one of ours is replaced."""
        fresh = S3Store(f"fresh-{uuid4().hex}")
        made = fresh.ensure_bucket()
        client = s3_client(None)
        theirs = {
            "ID": "customer",
            "Status": "Enabled",
            "Filter": {"Prefix": "logs/"},
            "Expiration": {"Days": 7},
        }
        client.put_bucket_lifecycle_configuration(
            Bucket=fresh._bucket,
            LifecycleConfiguration={"Rules": [theirs, {**theirs, "ID": "zoom-calls-expire"}]},
        )

        merged = fresh.ensure_bucket()

        rules = client.get_bucket_lifecycle_configuration(Bucket=fresh._bucket)["Rules"]
        assert made == Provisioned("made", "written")
        assert merged == Provisioned("there", "written")
        assert [rule["ID"] for rule in rules].count("customer") == 1
        assert {rule["ID"] for rule in rules} == {"customer"} | {
            f"zoom-calls-{name}" for name in ("expire", "versions", "delete-markers", "unfinished")
        }
        assert next(rule for rule in rules if rule["ID"] == "zoom-calls-expire")["Expiration"] == {"Days": 180}
        client.close()
        fresh.close()

    def test_a_versioned_bucket_tells_versions(self, store: ObjectStore, key: str) -> None:
        """The version id that was given out reads the version, also when the key is deleted."""
        bucket = f"versioned-{uuid4().hex}"
        versioned = S3Store(bucket)
        versioned.ensure_bucket()
        client = s3_client(None)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

        small = put(versioned, key)
        upload_id, parts, crc32 = begin(versioned, key + "2", b"abc")
        large = versioned.complete(key + "2", upload_id, parts, crc32)
        versioned.delete(key)

        assert small
        assert large
        assert versioned.head(key) is None
        assert b"".join(versioned.read(key, small)) == b"hello"
        assert versioned.get_tags(key + "2", large) == TAGS
        client.close()
        versioned.close()


@pytest.mark.s3
def test_wrong_keys_are_a_permanent_error(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A real server refuses a wrong secret; the text holds neither key."""
    use_environment(monkeypatch, {**s3_server.environment(), "AWS_SECRET_ACCESS_KEY": "wrong-secret"})
    store = S3Store("contract")

    with pytest.raises(PermanentError) as caught:
        put(store, key)
    assert "wrong-secret" not in str(caught.value)
    assert s3_server.environment()["AWS_ACCESS_KEY_ID"] not in str(caught.value)
    with pytest.raises(PermanentError, match="403"):
        store.has(key)
    store.close()


def test_a_dead_store_is_a_transient_error(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Nobody listening means later."""
    use_environment(monkeypatch, {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    store = S3Store("contract", "http://127.0.0.1:1")

    with pytest.raises(TransientError):
        store.head(key)
    with pytest.raises(TransientError):
        store.has(key)
    store.close()


def test_a_store_without_keys_is_the_operators_business(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Without credentials the text says that the AWS_* settings are incomplete."""
    nowhere = {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent"}
    use_environment(monkeypatch, {"AWS_EC2_METADATA_DISABLED": "true", **nowhere})
    store = S3Store("contract", "http://127.0.0.1:1")

    for ask in (store.head, store.has):
        with pytest.raises(ConfigurationError, match="AWS_"):
            ask(key)
    store.close()


def test_an_unfinished_upload_is_listed_with_its_parts(store: ObjectStore, key: str) -> None:
    """What was sent is told with tag and size, so that another process can go on; what is thrown away is not told."""
    first, last = bytes(5 * MEBIBYTE), b"the end"
    upload_id, parts, crc32 = begin(store, key, first, last)

    listed = store.parts(key, upload_id)
    (found,) = store.unfinished(key)

    assert [(one.number, one.etag, one.size_bytes) for one in listed] == [
        (1, parts[0].etag, len(first)),
        (2, parts[1].etag, len(last)),
    ]
    assert (found.key, found.upload_id, found.begun_at.tzinfo is None) == (key, upload_id, False)
    store.complete(key, upload_id, parts, crc32)
    assert store.unfinished(key) == []
    assert b"".join(store.read(key)) == first + last


def test_the_parts_of_an_upload_that_is_gone(store: ObjectStore, key: str) -> None:
    """An upload that was thrown away is told apart from one without parts."""
    upload_id, _, _ = begin(store, key, b"a")
    store.abort(key, upload_id)

    with pytest.raises(UploadGone):
        store.parts(key, upload_id)
    assert store.unfinished(key) == []
