"""Archive one file with a journal in a SQLite file, as a processor does; for tests that kill it."""

import sys
from contextlib import closing

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.model import Source, Target
from infra.clock import SystemClock
from infra.database.engine import open_database
from infra.hosts import AllowList
from infra.storage.s3 import S3Store
from infra.storage.tags import lifecycle_tags
from processors.runtime.uploads import UploadJournal
from schemas.archive import expires_at


def main(origin: str, bucket: str, key: str, size_bytes: str, database_url: str) -> None:
    clock = SystemClock()
    engine = open_database(database_url)
    tags = lifecycle_tags(
        kind="video", session_id="u", call_id="c", order_id=None, call_ended_at=expires_at(clock.now())
    )
    source = Source(f"{origin}/file", "token", int(size_bytes))
    with closing(S3Store(bucket)) as store, closing(Downloader(AllowList([origin]), AllowList([]), clock)) as download:
        receipt = archive_file(
            source,
            Target(key, "video", "video/mp4", "a.mp4", tags),
            store,
            download,
            journal=UploadJournal(engine, clock),
        )
    engine.dispose()
    print(receipt.size_bytes, receipt.crc32, receipt.sha256)


if __name__ == "__main__":
    main(*sys.argv[1:])
