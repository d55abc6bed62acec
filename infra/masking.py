"""Secrets and persons out of what people are shown: pure, and rather too much than too little.

What is masked: JSON values by the name of their key, and, wherever they stand, texts that look like a token, an e-mail
address or a link with a query. Bytes that are neither JSON nor plain text are masked whole.
"""

import json
import re
from collections.abc import Mapping

MASK = "…"

# Names of keys whose values are secret or name a person: Zoom's, the marketplace's and ours.
_SECRET_KEY = re.compile(
    r"token|secret|pass(?:word|code|wd)|pwd|authorization|signature|cookie|credential"
    r"|(?:url|link|uri)s?$|email|phone|(?:^|_)ip(?:_address)?$|registrant"
    r"|name$|(?:^|_)(?:topic|agenda|title)$"
    r"|(?:^|_)(?:texts?|messages?|contents?|comments?|notes?|quotes?|transcript|descriptions?|reasons?|body|bodies)$",
    re.IGNORECASE,
)  # Zoom's leave_reason begins with a name; `transcripts` is a count
_SECRET_TEXT = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}"  # a JSON web token: base64 of '{"'
    r"|[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|https?://[^\s\"'<>?]*\?[^\s\"'<>]*"  # a link with a query: download and join links carry their secret there
    r"|https?://[^\s\"'<>]*/(?:j|s|w|rec|my)/[^\s\"'<>]*",  # Zoom's join, start and recording links
    re.IGNORECASE,
)


def mask_text(text: str) -> str:
    """Return the text without what looks like a token, an e-mail address or a link that opens something."""
    return _SECRET_TEXT.sub(MASK, text)


def mask_value(value: object) -> object:
    """Return parsed JSON with the values of telling keys masked whole, and every other text by `mask_text`."""
    if isinstance(value, dict):
        return {mask_text(name): MASK if _hides(name, inner) else mask_value(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [mask_value(inner) for inner in value]
    return mask_text(value) if isinstance(value, str) else value


def mask_bytes(content: bytes) -> str:
    """Return a record's value for people's eyes: JSON masked by key, other text by looks, and nothing of other bytes."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return MASK
    try:
        return json.dumps(mask_value(json.loads(text)), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return mask_text(text)


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return record headers with the values of telling names masked whole, and every other by `mask_text`."""
    return {name: MASK if _hides(name, text) else mask_text(text) for name, text in headers.items()}


def _hides(name: str, value: object) -> bool:
    """Whether a key's value goes whole; null, true, false and empty texts tell nothing."""
    return value is not None and not isinstance(value, bool) and value != "" and bool(_SECRET_KEY.search(name))
