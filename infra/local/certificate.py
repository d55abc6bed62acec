"""What a local server needs to take TLS."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: a certificate for 127.0.0.1, its key (PKCS 8, not encrypted), and the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path
