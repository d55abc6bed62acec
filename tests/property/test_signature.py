"""Signature verification is total, and believes exactly what was signed."""

import hashlib
import hmac

from hypothesis import example, given
from hypothesis import strategies as st

from webhook_receiver.signature import SignatureError, SigningSecret, Verified, Verifier

SECRETS = (SigningSecret.of("current"), SigningSecret.of("older"))
NOW = 1_767_268_800.0
VERIFIER = Verifier(SECRETS, past_window_seconds=7200)

header = st.none() | st.binary() | st.from_regex(rb"v0=[0-9a-f]{64}") | st.from_regex(rb"[0-9]{1,20}\n?")


def sign(key: bytes, timestamp: bytes, body: bytes) -> bytes:
    return b"v0=" + hmac.new(key, b"v0:" + timestamp + b":" + body, hashlib.sha256).hexdigest().encode()


def verdict(body: bytes, timestamp: bytes | None, signature: bytes | None) -> Verified | SignatureError:
    try:
        return VERIFIER.verify(body, timestamp, signature, NOW)
    except SignatureError as error:
        return error


@given(body=st.binary(), timestamp=header, signature=header)
@example(body=b"", timestamp=b"9" * 400, signature=b"v0=" + b"0" * 64)
@example(body=b"", timestamp=b"\xb2\xb3", signature=b"v0=" + b"0" * 64)
@example(body=b"", timestamp=b"1\n", signature=b"v0=" + b"0" * 64 + b"\n")
def test_verdict_is_a_refusal_when_nobody_signed(body: bytes, timestamp: bytes | None, signature: bytes | None) -> None:
    """Any bytes and headers: it returns or raises SignatureError, and nothing unsigned is believed."""
    found = verdict(body, timestamp, signature)

    assert isinstance(found, SignatureError)
    assert not found.genuine


@given(
    body=st.binary(), age_seconds=st.integers(-300, 7200), secret=st.sampled_from(SECRETS), milliseconds=st.booleans()
)
def test_verdict_names_secret_and_age_when_signed(
    body: bytes, age_seconds: int, secret: SigningSecret, milliseconds: bool
) -> None:
    """Whatever the body, and in seconds or milliseconds: signed inside the window is believed."""
    sent_at = int(NOW) - age_seconds
    timestamp = str(sent_at * 1000 if milliseconds else sent_at).encode()

    assert verdict(body, timestamp, sign(secret.key, timestamp, body)) == Verified(secret, age_seconds)


@given(body=st.binary(), sent_at=st.integers(0, 10**15 - 1))
def test_verdict_calls_it_genuine_when_only_the_time_is_wrong(body: bytes, sent_at: int) -> None:
    """A right signature is never taken for a forgery, whatever time it bears."""
    timestamp = str(sent_at).encode()
    found = verdict(body, timestamp, sign(SECRETS[0].key, timestamp, body))

    assert isinstance(found, Verified) or found.genuine


@given(body=st.binary(min_size=1), position=st.integers(0), bit=st.integers(0, 7))
def test_verdict_is_a_mismatch_when_one_bit_is_flipped(body: bytes, position: int, bit: int) -> None:
    """One bit of the body changed is another body."""
    timestamp = str(int(NOW)).encode()
    signature = sign(SECRETS[0].key, timestamp, body)
    tampered = bytearray(body)
    tampered[position % len(body)] ^= 1 << bit

    found = verdict(bytes(tampered), timestamp, signature)

    assert isinstance(found, SignatureError)
    assert found.reason == "signature_mismatch"


def test_repr_hides_the_key_when_printed() -> None:
    """A secret in a log line or an error is told by its id alone."""
    assert "current" not in repr(VERIFIER)
