"""An identity provider that vouches for whom the test says."""

from collections.abc import Mapping
from typing import Any

from infra.errors import TransientError
from infra.identity import Begun, Identity, NotVouched

ISSUER = "https://sign-in.example"
GOOD = "good-code"


class FakeIdentityProvider:
    """Vouches for `subject` with `claims` against the code GOOD, if the sign-in is the one that it began."""

    def __init__(self, subject: str = "7f3a", claims: Mapping[str, Any] | None = None) -> None:
        self.subject = subject
        self.claims = {"roles": ["analyst"]} if claims is None else claims
        self.is_up = True
        self._begun = 0

    def begin(self, redirect_uri: str) -> Begun:
        if not self.is_up:
            raise TransientError("it does not answer")
        self._begun += 1
        number = self._begun
        return Begun(f"{ISSUER}/ask?state=state-{number}", f"state-{number}", f"nonce-{number}", f"verifier-{number}")

    def identify(self, code: str, begun: Begun, redirect_uri: str) -> Identity:
        if code != GOOD or begun.verifier != begun.state.replace("state", "verifier"):
            raise NotVouched("not this one")
        return Identity(ISSUER, self.subject, self.claims)
