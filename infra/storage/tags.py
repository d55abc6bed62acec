"""The tags of an archived object: what the bucket's lifecycle rules act on, and what people sort by.

S3 takes 10 tags an object, values of at most 256 characters: letters, digits, spaces and `_ . : / = + - @` (lab,
section 2). Topic, names and addresses of people do not belong in tags: wide roles can read them.
"""

import re
from datetime import datetime
from hashlib import sha256
from typing import Literal

from schemas.archive import ACCESS_DAYS, RETENTION_DAYS, Kind, access_until

__all__ = ["ACCESS_DAYS", "HOLD", "RETENTION", "RETENTION_DAYS", "Hold", "expiry_tags", "lifecycle_tags"]

Hold = Literal["none", "trust-safety", "legal"]

HOLD = "hold"
RETENTION = "retention"

# ASCII alone: S3 takes any Unicode letter, other stores do not. No space at the ends, where stores differ on trimming.
_VALUE = re.compile(r"(?! )[A-Za-z0-9 _.:/=+@-]{1,256}(?<! )")


def lifecycle_tags(
    *,
    kind: Kind,
    session_id: str,
    call_id: str | None,
    order_id: str | None,
    call_ended_at: datetime,
    hold: Hold = "none",
) -> dict[str, str]:
    """Return the seven tags at most that an object gets when its upload is created.

    The same recording always gives the same tags, so archiving twice changes nothing. A value that S3 does not take is
    replaced by `sha256:` and its digest: stable, and found again by whoever knows the value. None leaves its tag out.
    """
    values = {
        **expiry_tags(),
        HOLD: hold,
        "kind": kind,
        "call": call_id,
        "order": order_id,
        "meeting": session_id,
        "participant-access-until": access_until(call_ended_at).date().isoformat(),
    }
    return {name: _fitting(value) for name, value in values.items() if value}


def expiry_tags() -> dict[str, str]:
    """Return the tags that an object must carry, both, for the expiry rule to take it."""
    return {RETENTION: f"{RETENTION_DAYS}d", HOLD: "none"}


def _fitting(value: str) -> str:
    if _VALUE.fullmatch(value):
        return value
    return f"sha256:{sha256(value.encode()).hexdigest()}"
