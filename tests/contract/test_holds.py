"""Holds on a real S3 server with Object Lock, each program with the rights that we print for it: held is held."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from infra.archive.archive import archive_file
from infra.archive.model import Source, Target
from infra.database.engine import migrate, open_database, writing
from infra.database.tables import receipts
from infra.errors import PermanentError
from infra.local.s3_server import S3Server
from infra.provisioning.policies import policy_documents
from infra.storage.base import Description
from infra.storage.s3 import S3Store
from infra.storage.tags import Hold, lifecycle_tags
from processors.commands import TagFile
from processors.runtime.expiry import expire
from processors.runtime.holds import check_holds
from processors.runtime.performers.tags import TagFilePerformer
from processors.runtime.receipts import Receipts
from schemas.archive import access_until, expires_at
from tests.contract.s3_fixtures import require_seaweedfs
from tests.fakes.clock import FakeClock
from tests.fakes.zoom import FakeDownloads

pytestmark = [pytest.mark.s3, pytest.mark.timeout(180)]

BUCKET = "held-recordings"
KEY, LATE = "calls/1/file", "calls/1/late"
ENDED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY_180 = FakeClock(expires_at(ENDED_AT))
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(100)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    require_seaweedfs()
    server = S3Server(tmp_path_factory.mktemp("s3"), policies=policy_documents(BUCKET))
    server.start()
    store = S3Store(BUCKET, client=server.client())
    store.ensure_bucket(object_lock=True)
    store.close()
    yield server
    server.stop()


@pytest.fixture
def archive(server: S3Server) -> Iterator[S3Store]:
    """The bucket as recording_archive may use it."""
    store = S3Store(BUCKET, client=server.client("recording_archive"))
    yield store
    store.close()


@pytest.fixture
def expiry(server: S3Server) -> Iterator[S3Store]:
    """The bucket as expire may use it."""
    store = S3Store(BUCKET, client=server.client("expire"))
    yield store
    store.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


def tags(hold: Hold) -> dict[str, str]:
    return lifecycle_tags(
        kind="video", session_id="u", call_id="c", order_id=None, call_ended_at=ENDED_AT, hold=hold
    )  # fmt: skip


def put(archive: S3Store, engine: Engine) -> str | None:
    """Archive an object that nobody holds, with its receipt."""
    version_id = archive.put_small(
        KEY, VIDEO, Description("video/mp4", "inline", tags("none")), zlib.crc32(VIDEO)
    )  # fmt: skip
    row = {
        "object_key": KEY, "version_id": version_id, "session_id": "u", "call_id": "c", "kind": "video",
        "file_type": "MP4", "size_bytes": 1, "crc32": "0", "sha256": "0", "call_ended_at": ENDED_AT,
        "access_until": access_until(ENDED_AT), "expires_at": expires_at(ENDED_AT), "hold": "none",
        "archived_at": ENDED_AT,
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(insert(receipts).values(**row))
    return version_id


def tag(archive: S3Store, engine: Engine, hold: Hold, revision: int) -> None:
    """Perform and record, as the worker does."""
    command = TagFile(
        KEY, revision, "c", None, ENDED_AT, access_until(ENDED_AT), expires_at(ENDED_AT), hold
    )  # fmt: skip
    performer = TagFilePerformer(store=archive, receipts=Receipts(engine))
    result = performer.perform(command)
    with writing(engine) as connection:
        performer.record(connection, command, result)


def test_a_held_recording_stays_until_its_hold_is_released(
    archive: S3Store, expiry: S3Store, engine: Engine, server: S3Server
) -> None:
    """Past day 180 neither the daily job, nor the bucket's owner, nor somebody who changes its tag can remove it; the daily
    check puts the tag back; once released it goes."""
    version_id = put(archive, engine)
    tag(archive, engine, "trust-safety", 1)
    assert expire(expiry, Receipts(engine), DAY_180).expired == []

    owner = S3Store(BUCKET, client=server.client())
    owner.replace_tags(KEY, version_id, tags("none"))
    for somebody in (expiry, owner):
        with pytest.raises(PermanentError, match="403"):
            somebody.delete(KEY, version_id)
    owner.close()
    assert check_holds(archive, Receipts(engine), DAY_180).repaired == [KEY]
    assert archive.get_tags(KEY, version_id) == tags("trust-safety")

    tag(archive, engine, "none", 2)

    assert archive.legal_hold(KEY, version_id) is False
    assert expire(expiry, Receipts(engine), DAY_180).expired == [KEY]
    assert archive.head(KEY, version_id) is None


def test_expire_can_lift_no_hold(archive: S3Store, expiry: S3Store, engine: Engine) -> None:
    """Who deletes cannot release, and who releases cannot delete."""
    version_id = put(archive, engine)
    tag(archive, engine, "legal", 1)

    with pytest.raises(PermanentError, match="403"):
        expiry.set_legal_hold(KEY, version_id, on=False)
    with pytest.raises(PermanentError, match="403"):
        archive.delete(KEY, version_id)
    tag(archive, engine, "none", 2)
    expiry.delete_all_versions(KEY)


def test_a_late_file_of_a_held_call_is_held(archive: S3Store, expiry: S3Store) -> None:
    """Its legal hold is there as soon as the object is."""
    target = Target(LATE, "video", "video/mp4", "video.mp4", tags("legal"))

    downloads = FakeDownloads({"https://zoom.us/rec": ("token", VIDEO)})

    receipt = archive_file(Source("https://zoom.us/rec", "token", len(VIDEO)), target, archive, downloads)  # type: ignore[arg-type]

    with pytest.raises(PermanentError, match="403"):
        expiry.delete(LATE, receipt.version_id)
    archive.set_legal_hold(LATE, receipt.version_id, on=False)
