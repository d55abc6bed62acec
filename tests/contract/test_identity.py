"""The port of an identity provider, against a real one: a provider's own server, over HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from infra.clock import SystemClock
from infra.errors import ConfigurationError, TransientError
from infra.identity import Begun, NotVouched
from infra.identity.oidc import OidcProvider
from infra.local.ports import free_port
from infra.secret import Secret

BACK = "https://calls.example/sign-in/back"
CLAIMS = {"sub": "kestrel", "roles": ["lead"]}
START_SECONDS = 30.0  # it is there within two; a loaded machine is slower


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running provider, which knows one person with a role."""
    port, log = free_port(), tmp_path_factory.mktemp("provider") / "log"
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with log.open("w") as output:
        child = subprocess.Popen(
            [*command, "--require-nonce", "true", "--user-claims", json.dumps(CLAIMS)], stdout=output, stderr=output
        )
    try:
        _wait_for(f"http://localhost:{port}", child, log)
        yield f"http://localhost:{port}"
    finally:
        child.terminate()
        child.wait(10)


def _wait_for(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline:
        assert child.poll() is None, log.read_text()
        try:
            if requests.get(f"{url}/.well-known/openid-configuration", timeout=2).ok:
                return
        except requests.ConnectionError:
            clock.sleep(0.05)
    pytest.fail(f"the provider did not answer within {START_SECONDS:.0f} s")


@pytest.fixture
def provider(issuer: str) -> OidcProvider:
    return OidcProvider(issuer, "portal", Secret("a client secret"), SystemClock())


def sign_in(begun: Begun, person: str = "kestrel") -> str:
    """Do what the person's browser does at the provider; return the code that it comes back with."""
    answer = requests.post(begun.url, data={"sub": person}, allow_redirects=False, timeout=5)
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert told["state"] == [begun.state]
    return told["code"][0]


def test_a_code_becomes_an_identity(provider: OidcProvider, issuer: str) -> None:
    """Who signed in at the provider, with their claims, over PKCE, state and nonce."""
    begun = provider.begin(BACK)
    asked = parse_qs(urlsplit(begun.url).query)

    identity = provider.identify(sign_in(begun), begun, BACK)

    assert (identity.issuer, identity.subject, identity.claims["roles"]) == (issuer, "kestrel", ["lead"])
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert (asked["state"], asked["nonce"], asked["redirect_uri"]) == ([begun.state], [begun.nonce], [BACK])
    assert begun.verifier not in begun.url


@pytest.mark.parametrize("changed", ["nonce", "code"])
def test_another_sign_in_is_not_vouched_for(provider: OidcProvider, changed: str) -> None:
    """A code that was used or made up, and a proof that was made for another sign-in."""
    begun = provider.begin(BACK)
    code = sign_in(begun)
    other = Begun(begun.url, begun.state, "another-nonce" if changed == "nonce" else begun.nonce, begun.verifier)

    with pytest.raises(NotVouched):
        provider.identify("made-up" if changed == "code" else code, other, BACK)


def test_a_code_works_once(provider: OidcProvider) -> None:
    """Whoever reads the browser's history later gets nothing for it."""
    begun = provider.begin(BACK)
    code = sign_in(begun)
    provider.identify(code, begun, BACK)

    with pytest.raises(NotVouched):
        provider.identify(code, begun, BACK)


def test_a_proof_for_another_client_is_refused(provider: OidcProvider, issuer: str) -> None:
    """An ID token that the provider made for another program signs nobody in here."""
    other = OidcProvider(issuer, "another", Secret("its secret"), SystemClock())
    begun = provider.begin(BACK)

    with pytest.raises(NotVouched):
        other.identify(sign_in(begun), begun, BACK)


def test_a_provider_that_is_not_there_is_tried_again_later(provider: OidcProvider) -> None:
    """Nobody listens: the person tries again. One that calls itself otherwise is a wrong setting."""
    nowhere = OidcProvider(f"http://localhost:{free_port()}", "portal", Secret("a secret"), SystemClock())
    with pytest.raises(TransientError):
        nowhere.begin(BACK)


def test_the_provider_must_be_the_one_that_is_set(issuer: str) -> None:
    """Its metadata name another issuer than the setting: nobody may sign in by it."""
    alias = OidcProvider(issuer.replace("localhost", "LOCALHOST"), "portal", Secret("a secret"), SystemClock())

    with pytest.raises(ConfigurationError):
        alias.begin(BACK)
