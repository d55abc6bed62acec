"""The port of an identity provider: send a browser there, and learn who came back.

infra.errors
├── TransientError    the provider does not answer: try again
└── PermanentError
    └── NotVouched    it answered, and does not vouch for anybody: begin anew
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.errors import PermanentError


class NotVouched(PermanentError):
    """What came back proves nobody's identity; the text names what was wrong with it, never its content."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way. All but the URL stays between us and the browser, and is asked for when it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is: `subject` never changes at this `issuer`. `claims` are what else it says of them."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


class IdentityProvider(Protocol):
    """Safe to share between threads."""

    def begin(self, redirect_uri: str) -> Begun:
        """Return where to send the browser.

        Raises:
            TransientError: the provider does not answer.
        """
        ...

    def identify(self, code: str, begun: Begun, redirect_uri: str) -> Identity:
        """Return who the code stands for, once its proof has been checked whole.

        Raises:
            NotVouched: the code or the proof is not good.
            TransientError: the provider does not answer.
        """
        ...
