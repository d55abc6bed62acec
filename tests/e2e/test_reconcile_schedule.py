"""The scheduled form of reconciliation: it reports, waits, and ends when asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database
from infra.settings import transport_settings
from infra.transport.connect import connect

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 15.0


def test_it_reconciles_every_so_often_until_it_is_stopped(tmp_path: Path) -> None:
    """The first report comes at once; SIGTERM ends the waiting with exit code 0."""
    settings = {
        "TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'processors.db'}",
        "ARCHIVE_BUCKET": "recordings",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    engine = open_database(settings["DATABASE_URL"])
    migrate(engine)
    engine.dispose()
    transport = connect(transport_settings(settings), SystemClock())
    transport.create_topics()
    transport.close()

    with subprocess.Popen(
        [sys.executable, "-u", "-m", "processors", "reconcile", "--every", "1"],
        cwd=ROOT, env={"PATH": os.environ["PATH"], **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)

    assert lines[0].startswith("from ")
    assert lines[4].startswith("objects: ")
    assert process.returncode == 0
