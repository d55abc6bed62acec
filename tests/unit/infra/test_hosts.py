import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import ConfigurationError, PermanentError
from infra.hosts import AllowList, HostRefused, host_of

ZOOM = AllowList(["zoom.us", "files.example:8443", "http://127.0.0.1:9000"])


@pytest.mark.parametrize(
    "url",
    [
        "https://zoom.us/rec/download/a",
        "https://acme.zoom.us/rec/webhook_download/a/b?x=1",
        "HTTPS://ACME.ZOOM.US:443/rec",
        "https://files.example:8443/x",
        "https://eu.files.example:8443/x",
        "http://127.0.0.1:9000/rec",
    ],
)
def test_permits_a_listed_host_and_what_lies_below_it(url: str) -> None:
    """A host permits itself and its subdomains, at its own scheme and port."""
    assert ZOOM.permits(url)
    ZOOM.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://zoom.us/rec",
        "https://zoom.us:8443/",
        "https://evilzoom.us/",
        "https://zoom.us.evil.test/",
        "https://zoom.us@evil.test/",
        "https://user:secret@zoom.us/",
        "https://evil.test\\@zoom.us/",
        "https://evil.test#@zoom.us/",
        "https://zoom.us\t.evil.test/",
        "https://zoom.us%2eevil.test/",
        "https://zoöm.us/",
        "https://127.0.0.1:9000/",
        "http://127.0.0.1:9001/",
        "http://127.1:9000/",
        "http://2130706433:9000/",
        "http://x.127.0.0.1:9000/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://zoom.us:99999/",
        "https://zoom.us:0/",
        "https://[zoom.us/",
        "ftp://zoom.us/",
        "file:///etc/passwd",
        "//zoom.us/",
        "zoom.us",
        "",
    ],
)
def test_refuses_what_is_not_listed_exactly(url: str) -> None:
    """Another scheme, port, address, look-alike or user name is refused with a permanent error."""
    assert not ZOOM.permits(url)
    with pytest.raises(PermanentError):
        ZOOM.check(url)


def test_an_error_names_the_host_and_nothing_else() -> None:
    """The refusal says which host, and keeps path, query and user out of the text."""
    with pytest.raises(HostRefused) as caught:
        ZOOM.check("https://cdn.evil.test:444/rec/SECRET?token=SECRET")

    assert str(caught.value) == "refused host: https://cdn.evil.test:444"
    assert "SECRET" not in host_of("https://SECRET:SECRET@zoom.us/")


def test_adding_two_lists_permits_what_either_permits() -> None:
    """Redirects may go to the hosts of both lists."""
    both = ZOOM + AllowList(["cdn.example"])

    assert both.permits("https://zoom.us/")
    assert both.permits("https://a.cdn.example/")
    assert not ZOOM.permits("https://cdn.example/")


def test_an_empty_list_permits_nothing() -> None:
    """No entry, no host."""
    assert not AllowList([]).permits("https://zoom.us/")


@pytest.mark.parametrize("entry", ["", "http://", "zoom.us/path", "https://u@zoom.us", "ftp://zoom.us", "a b", "x:y"])
def test_an_entry_that_is_no_host_is_a_configuration_error(entry: str) -> None:
    """A malformed entry is told at start."""
    with pytest.raises(ConfigurationError):
        AllowList([entry])


@given(st.text())
def test_permits_is_total(text: str) -> None:
    """Whatever the text, the answer is no or yes, never an exception."""
    assert ZOOM.permits(text) in (True, False)
    assert isinstance(host_of(text), str)
