"""The archive: every object that a receipt of the period tells of is there, and is what the receipt says."""

from collections.abc import Iterator
from datetime import timedelta

from infra.storage.base import ObjectInfo
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import Findings
from processors.runtime.reconcile.known import KnownObject

WINDOW = timedelta(days=1)


def object_windows(period: Period) -> Iterator[Period]:
    """Yield the steps of a period: days."""
    start = period.since
    while start < period.until:
        yield Period(start, min(start + WINDOW, period.until))
        start += WINDOW


def reconcile_objects(desk: Desk, window: Period) -> Findings:
    """Look at every object that was archived in this time.

    Raises:
        TransientError: the store or the database does not answer.
        PermanentError: the store refuses to show an object.
    """
    findings = Findings()
    for known in desk.database.objects(window.since, window.until):
        found = desk.store.head(known.object_key, known.version_id)
        findings.objects += 1
        if found is None:
            findings.missing.append(known.object_key)
        elif not _is_same(found, known):
            findings.short.append(known.object_key)
    return findings


def _is_same(found: ObjectInfo, known: KnownObject) -> bool:
    same_bytes = found.crc32 is None or found.crc32 == int(known.crc32, 16)
    return found.size_bytes == known.size_bytes and same_bytes
