"""Archive COUNT files of SIZE bytes from ORIGIN into BUCKET under PREFIX, as the archive's worker does; print the peak of memory (MiB)."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.model import Source, Target
from infra.clock import SystemClock
from infra.hosts import AllowList
from infra.storage.s3 import S3Store
from processors.runtime.runner import CONCURRENCY
from tests.benchmarks.machine import peak_mebibytes


def main(origin: str, bucket: str, prefix: str, count: int, size_bytes: int) -> None:
    store = S3Store(bucket)
    download = Downloader(AllowList([origin]), AllowList([]), SystemClock())

    def archive(number: int) -> None:
        source = Source(f"{origin}/{size_bytes}/{number}", None, size_bytes)
        archive_file(
            source, Target(f"{prefix}/{number}", "video", "video/mp4", "a.mp4", {"hold": "none"}), store, download
        )

    with ThreadPoolExecutor(min(count, CONCURRENCY)) as pool:
        list(pool.map(archive, range(count)))
    print(peak_mebibytes(os.getpid()))
    download.close()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
