"""Archive one file and print the peak of resident memory (MiB) and the CPU seconds it took. For tests and measurements."""

import resource
import sys
from pathlib import Path

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.model import Source, Target
from infra.clock import SystemClock
from infra.hosts import AllowList
from infra.storage.s3 import S3Store


def _peak_mebibytes() -> float:
    """Of this program alone: ru_maxrss begins with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024


def main(origin: str, path: str, bucket: str, key: str) -> None:
    store = S3Store(bucket)
    download = Downloader(AllowList([origin]), AllowList([]), SystemClock())
    before = resource.getrusage(resource.RUSAGE_SELF)
    archive_file(
        Source(origin + path, None, None), Target(key, "video", "video/mp4", "a.mp4", {"hold": "none"}), store, download
    )
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(_peak_mebibytes(), cpu_seconds)
    download.close()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
