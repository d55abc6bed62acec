"""Settings: everything that is wrong is said at once, nothing secret is shown, and every name that is promised is read."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.errors import ConfigurationError
from infra.settings import (
    DEFAULT_WINDOW_SECONDS,
    Address,
    account_ids,
    database_url,
    policy_folder,
    processor_settings,
    receiver_settings,
    transport_settings,
    zoom_settings,
)

RECEIVER = {"TRANSPORT_URL": "sqlite:///log.db", "ZOOM_WEBHOOK_SECRETS": "current"}
PROCESSORS = {
    "TRANSPORT_URL": "sqlite:///log.db",
    "DATABASE_URL": "sqlite:///processors.db",
    "ARCHIVE_BUCKET": "recordings",
    "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
}
CREDENTIALS = {"ZOOM_CLIENT_ID": "id", "ZOOM_CLIENT_SECRET": "s", "ZOOM_OAUTH_ACCOUNT_ID": "account"}
HIDDEN = "do-not-show-me"


class Remembering(dict[str, str]):
    """An environment that notes which names were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def test_the_receiver_needs_two_settings() -> None:
    """The log and a secret; the rest has defaults, on loopback."""
    settings = receiver_settings(RECEIVER)

    assert settings.bind == Address("127.0.0.1", 8080)
    assert settings.admin_bind.host == "127.0.0.1"
    assert settings.window_seconds == DEFAULT_WINDOW_SECONDS == 7200
    assert settings.max_body_bytes == 1024 * 1024
    assert settings.account_ids == frozenset()
    assert settings.transport.security_protocol == "PLAINTEXT"
    assert settings.log_level == "INFO"


def test_the_processors_need_four_settings() -> None:
    """Without Zoom credentials and with the chat on the console."""
    settings = processor_settings(PROCESSORS)

    assert settings.chat_url == "console:"
    assert settings.zoom.configured is False
    assert settings.zoom.hosts == ("zoom.us",)
    assert settings.zoom.api_url == "https://api.zoom.us/v2"
    assert settings.zoom.oauth_url == "https://zoom.us/oauth/token"
    assert settings.no_recording_grace_seconds == 24 * 3600
    assert settings.call_policies_url == "https://marketplace.example/call-policies"
    assert settings.s3_endpoint_url is None


def test_every_problem_of_the_receiver_is_said_at_once() -> None:
    """Missing and wrong settings stand in one message, by name."""
    environ = {
        "TRANSPORT_URL": "mysql://x",
        "RECEIVER_BIND": "8080",
        "RECEIVER_ADMIN_BIND": "host:99999",
        "WEBHOOK_WINDOW_SECONDS": "soon",
        "WEBHOOK_MAX_BODY_BYTES": "0",
        "RECEIVER_THREADS": "-1",
        "LOG_LEVEL": "LOUD",
    }

    with pytest.raises(ConfigurationError) as caught:
        receiver_settings(environ)

    assert all(name in str(caught.value) for name in [*environ, "ZOOM_WEBHOOK_SECRETS"])
    assert "\n" not in str(caught.value)


def test_every_problem_of_the_processors_is_said_at_once() -> None:
    """Half of the credentials are a problem too."""
    environ = {
        "DATABASE_URL": "mysql://x",
        "CALL_PAGE_URL": "https://marketplace.example/calls",
        "METRICS_BIND": "nowhere",
        "NO_RECORDING_GRACE_SECONDS": "0",
        "ZOOM_CLIENT_ID": "id",
    }

    with pytest.raises(ConfigurationError) as caught:
        processor_settings(environ)

    assert all(name in str(caught.value) for name in [*environ, "TRANSPORT_URL", "ARCHIVE_BUCKET"])


@pytest.mark.parametrize("read", [transport_settings, database_url])
def test_what_is_missing_is_said_by_name(read: Callable[[Mapping[str, str]], object]) -> None:
    """Commands that need one setting ask for that one alone; blanks count as missing."""
    name = "TRANSPORT_URL" if read is transport_settings else "DATABASE_URL"

    with pytest.raises(ConfigurationError, match=f"^{name} is not set"):
        read({name: "  "})


def test_secrets_are_in_no_repr() -> None:
    """Neither the settings as a whole nor their parts show a secret, a password within a URL included."""
    secrets = ("CHAT_TOKEN", "ZOOM_CLIENT_SECRET", "KAFKA_SASL_PASSWORD")
    environ = {**PROCESSORS, **CREDENTIALS, **dict.fromkeys(secrets, HIDDEN)}
    environ["DATABASE_URL"] = f"postgresql://user:{HIDDEN}@db.internal/calls?sslmode=verify-full"

    shown = [
        processor_settings(environ),
        receiver_settings({**RECEIVER, "ZOOM_WEBHOOK_SECRETS": f"{HIDDEN},old-{HIDDEN}"}),
    ]

    assert HIDDEN not in f"{shown!r} {shown!s} {shown}"


def test_no_problem_quotes_a_value() -> None:
    """A secret set under the wrong name is not told to whoever reads the log."""
    wrong = (
        "TRANSPORT_URL",
        "DATABASE_URL",
        "CALL_PAGE_URL",
        "METRICS_BIND",
        "NO_RECORDING_GRACE_SECONDS",
        "LOG_LEVEL",
    )

    with pytest.raises(ConfigurationError) as caught:
        processor_settings({**PROCESSORS, **dict.fromkeys(wrong, HIDDEN)})

    assert HIDDEN not in str(caught.value)


def test_several_secrets_are_kept_in_order() -> None:
    """Current first; spaces around commas do not count."""
    assert receiver_settings({**RECEIVER, "ZOOM_WEBHOOK_SECRETS": " a , b,,"}).webhook_secrets == ("a", "b")


def test_credentials_go_together() -> None:
    """All three: configured."""
    assert zoom_settings(CREDENTIALS).configured
    with pytest.raises(ConfigurationError, match="go together"):
        zoom_settings({"ZOOM_CLIENT_SECRET": "s"})


@pytest.mark.parametrize(
    ("text", "address"),
    [("0.0.0.0:80", Address("0.0.0.0", 80)), ("[::1]:8080", Address("::1", 8080)), ("localhost:0", Address("localhost", 0))],  # noqa: S104, RUF100
)  # fmt: skip
def test_an_address_reads_as_it_is_written(text: str, address: Address) -> None:
    """IPv4, IPv6 in brackets, and names."""
    assert receiver_settings({**RECEIVER, "RECEIVER_BIND": text}).bind == address
    assert str(address) == text


def test_accounts_are_a_set() -> None:
    """None named: any."""
    assert account_ids({"ZOOM_ACCOUNT_IDS": "a,b"}) == {"a", "b"}
    assert account_ids({}) == frozenset()


PROMISED = re.findall(
    r"\w+",
    """TRANSPORT_URL ALLOW_PLAINTEXT KAFKA_SECURITY_PROTOCOL KAFKA_SASL_MECHANISM KAFKA_SASL_USERNAME KAFKA_SASL_PASSWORD KAFKA_CA_FILE
    DATABASE_URL ARCHIVE_BUCKET AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL CHAT_URL CHAT_TOKEN CALL_PAGE_URL RECEIVER_BIND
    RECEIVER_ADMIN_BIND METRICS_BIND WEBHOOK_WINDOW_SECONDS LOG_LEVEL ZOOM_WEBHOOK_SECRETS ZOOM_ACCOUNT_IDS
    ZOOM_CLIENT_ID ZOOM_CLIENT_SECRET ZOOM_OAUTH_ACCOUNT_ID ZOOM_API_URL ZOOM_OAUTH_URL ZOOM_HOSTS ZOOM_DOWNLOAD_HOSTS""",
)


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_name_is_read(name: str) -> None:
    """The names of the documentation are those that the programs ask for."""
    environ = Remembering({**RECEIVER, **PROCESSORS})

    receiver_settings(environ)
    processor_settings(environ)

    assert name in environ.asked


def test_policy_folder_is_none_unless_named() -> None:
    """None is the shipped policy; the processors and the policy's own commands read the same name."""
    named = {**PROCESSORS, "POLICY_FOLDER": "/etc/policy"}

    assert policy_folder(PROCESSORS) is processor_settings(PROCESSORS).policy_folder is None
    assert policy_folder(named) == processor_settings(named).policy_folder == Path("/etc/policy")
