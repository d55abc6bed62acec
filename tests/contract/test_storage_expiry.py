"""Removing an object for good: no version, no delete marker, no byte of it is left."""

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from uuid import uuid4

import pytest
from moto import mock_aws

from infra.storage.base import Description, ObjectStore
from infra.storage.s3 import S3Store, s3_client
from tests.fakes.object_store import FakeObjectStore

DESCRIPTION = Description("video/mp4", "inline", {"retention": "180d", "hold": "none"})
_MARKS = {
    # moto reads its own package data in a way that importlib now calls deprecated.
    "moto": pytest.mark.filterwarnings("ignore:read_text is deprecated:DeprecationWarning"),
    "seaweedfs": pytest.mark.s3,
}


def environment_of(server: str, request: pytest.FixtureRequest) -> Mapping[str, str]:
    if server == "seaweedfs":
        return request.getfixturevalue("s3_server").environment()
    return {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@pytest.fixture(
    params=[
        "memory",
        *(
            pytest.param((server, versioned), marks=mark, id=f"{server}-{'versioned' if versioned else 'plain'}")
            for server, mark in _MARKS.items()
            for versioned in (False, True)
        ),
    ]
)
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A bucket of its own, with versions or without."""
    if request.param == "memory":
        yield FakeObjectStore()
        return
    server, versioned = request.param
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(server, request).items():
        monkeypatch.setenv(name, value)
    with mock_aws() if server == "moto" else nullcontext():
        yield from bucket(versioned)


def bucket(versioned: bool) -> Iterator[ObjectStore]:
    name = f"expiry-{uuid4().hex}"
    store, client = S3Store(name), s3_client(None)
    store.ensure_bucket()
    if versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    yield store
    store.close()
    client.close()


def put(store: ObjectStore, key: str, body: bytes = b"hello") -> str | None:
    return store.put_small(key, body, DESCRIPTION, zlib.crc32(body))


@pytest.mark.parametrize("key", ["calls/2f61/file", "calls/2f61%2Fb/file id=é+.mp4"])
def test_nothing_is_left_of_an_object(store: ObjectStore, key: str) -> None:
    """Older versions and delete markers go too; a longer key that begins with it stays."""
    first = put(store, key)
    store.delete(key)
    put(store, key, b"second")
    put(store, key + "2")

    store.delete_all_versions(key)

    assert store.head(key) is None
    assert first is None or store.head(key, first) is None
    assert store.head(key + "2") is not None


def test_removing_what_is_not_there(store: ObjectStore) -> None:
    """Harmless, as often as one likes; also when only a delete marker is left."""
    store.delete_all_versions("calls/none/none")
    put(store, "calls/once/once")
    store.delete("calls/once/once")

    store.delete_all_versions("calls/once/once")
    store.delete_all_versions("calls/once/once")

    assert store.head("calls/once/once") is None
