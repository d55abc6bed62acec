"""Certificates for tests of TLS, made by the openssl program: an authority, and what it signs."""

import subprocess
from pathlib import Path

from infra.local.certificate import Certificate
from tests.conftest import missing

_DAYS = "2"  # longer than any test


class Authority:
    """Signs certificates for addresses; `certificate` is what its believers have to know."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "authority.crt"
        self._key = folder / "authority.key"
        self._made(
            "-subj", "/CN=Test authority", "-keyout", str(self._key), "-out", str(self.certificate),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def issue(self, address: str) -> Certificate:
        """Return a certificate for an IP address."""
        certificate, key = self._folder / f"{address}.crt", self._folder / f"{address}.key"
        self._made(
            "-subj", f"/CN={address}", "-keyout", str(key), "-out", str(certificate),
            "-CA", str(self.certificate), "-CAkey", str(self._key),
            "-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
        return Certificate(certificate, key, self.certificate)

    def _made(self, *options: str) -> None:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try:
            subprocess.run(
                ["openssl", "req", "-x509", *curve, "-days", _DAYS, *options],
                check=True,
                capture_output=True,
                timeout=30,
            )
        except FileNotFoundError:
            missing("the openssl program is not installed: this test makes certificates with it")
