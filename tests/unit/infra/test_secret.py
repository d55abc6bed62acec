"""A Secret hides wherever texts are shown, and works wherever they are used."""

import pytest

from infra.secret import Secret

SECRET = Secret("do-not-show-me")


@pytest.mark.parametrize(
    "shown",
    [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET!r}", f"{SECRET:>40}", "%s" % SECRET, "{}".format(SECRET), f"{[SECRET]}"],  # noqa: UP031, UP032, UP030, RUF100 # every way of formatting
)  # fmt: skip
def test_it_is_hidden_when_it_is_shown(shown: str) -> None:
    """However it is formatted."""
    assert "do-not-show-me" not in shown
    assert "…" in shown


def test_it_is_the_text_when_it_is_used() -> None:
    """Comparing, joining, adding and encoding see the text; empty is false."""
    assert SECRET == "do-not-show-me"
    assert "Bearer " + SECRET == "Bearer do-not-show-me"
    assert ":".join(["id", SECRET]) == "id:do-not-show-me"
    assert SECRET.encode() == b"do-not-show-me"
    assert not Secret("")
