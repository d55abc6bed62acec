"""IdentityProvider on OpenID Connect: the code flow with PKCE, state and nonce, through Authlib.

https://openid.net/specs/openid-connect-core-1_0.html, sections 3.1.2 and 3.1.3; https://www.rfc-editor.org/rfc/rfc9700.
The provider's metadata and keys are read when they are first needed; unknown keys are asked for once more.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError
from infra.identity.base import Begun, Identity, NotVouched
from infra.secret import Secret

ANSWER_SECONDS = 5.0  # a provider answers within one; a person waits
LEEWAY_SECONDS = 60  # between two machines' clocks
# What a provider may sign with: never `none`, never a key that we share with it.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_TOKEN_CHARACTERS = 43  # 256 bits in Authlib's alphabet of letters and digits; the shortest verifier of RFC 7636
_SERVER_ERROR = 500


class OidcProvider:
    """One provider, known by its issuer URL; we are one of its clients."""

    def __init__(self, issuer: str, client_id: str, client_secret: Secret, clock: Clock) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._known: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def begin(self, redirect_uri: str) -> Begun:
        nonce, verifier = generate_token(_TOKEN_CHARACTERS), generate_token(_TOKEN_CHARACTERS)
        with self._session(redirect_uri) as session:
            url, state = session.create_authorization_url(
                self._metadata()["authorization_endpoint"], nonce=nonce, code_verifier=verifier
            )
        return Begun(url, state, nonce, verifier)

    def identify(self, code: str, begun: Begun, redirect_uri: str) -> Identity:
        endpoint = self._metadata()["token_endpoint"]
        with _translated(), self._session(redirect_uri) as session:
            token = session.fetch_token(endpoint, code=code, code_verifier=begun.verifier)
        with _translated():
            claims = self._checked(token, begun.nonce)
        return Identity(self._issuer, str(claims["sub"]), claims)

    def _session(self, redirect_uri: str) -> OAuth2Session:
        return OAuth2Session(
            self._client_id,
            "".join(self._client_secret),  # joined: a Secret hides itself in f-strings, which Authlib makes
            scope="openid",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=ANSWER_SECONDS,
        )

    def _checked(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """Return the ID token's claims: signed by the provider, for us, now, for this very sign-in."""
        raw = token.get("id_token")
        if not isinstance(raw, str):
            raise NotVouched("the provider sent no ID token")
        try:
            decoded = jwt.decode(raw, self._key_set(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            decoded = jwt.decode(raw, self._key_set(again=True), algorithms=ALGORITHMS)
        expected = {"iss": {"values": [self._metadata()["issuer"]]}, "aud": {"values": [self._client_id]}}
        params = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(decoded.claims, decoded.header, expected, params)
        claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_SECONDS)
        return dict(claims)

    def _metadata(self) -> dict[str, Any]:
        if self._known is None:
            found = self._get(f"{self._issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                raise ConfigurationError("the provider calls itself another issuer than OIDC_ISSUER")
            self._known = found
        return self._known

    def _key_set(self, *, again: bool = False) -> KeySet:
        if self._keys is None or again:
            self._keys = KeySet.import_key_set(self._get(self._metadata()["jwks_uri"]))  # type: ignore[arg-type]
        return self._keys

    def _get(self, url: str) -> dict[str, Any]:
        with _translated():
            answer = requests.get(url, timeout=ANSWER_SECONDS)
            answer.raise_for_status()
            document: dict[str, Any] = answer.json()
        return document


@contextmanager
def _translated() -> Iterator[None]:
    """Let no library's error out. What the provider refuses is the browser's proof; what it cannot answer may come back."""
    try:
        yield
    except requests.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        if status >= _SERVER_ERROR:
            raise TransientError(f"the identity provider answered {status}") from error
        raise NotVouched(f"the identity provider answered {status}") from error
    except (requests.RequestException, ValueError) as error:
        raise TransientError(f"the identity provider does not answer: {type(error).__name__}") from error
    except (AuthlibBaseError, JoseError) as error:
        raise NotVouched(f"the identity provider does not vouch: {error.error}") from error
