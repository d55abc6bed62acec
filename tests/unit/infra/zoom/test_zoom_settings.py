"""What the settings say about the pace of calls to Zoom."""

import pytest

from infra.errors import ConfigurationError
from infra.settings import zoom_settings


def test_plan_and_share_are_read() -> None:
    """A quarter of a Pro account's limit unless they say otherwise."""
    usual, given = zoom_settings({}), zoom_settings({"ZOOM_PLAN": "Business", "ZOOM_RATE_SHARE": "1"})

    assert (usual.plan, usual.rate_share) == ("pro", 0.25)
    assert (given.plan, given.rate_share) == ("business", 1.0)


@pytest.mark.parametrize("share", ["0", "-1", "1.5", "all", "nan"])
def test_a_share_is_refused_when_it_is_none(share: str) -> None:
    """Nothing could be asked, or more than there is."""
    with pytest.raises(ConfigurationError, match="ZOOM_RATE_SHARE"):
        zoom_settings({"ZOOM_RATE_SHARE": share})


def test_a_plan_is_refused_when_zoom_has_none_such() -> None:
    """A misspelt one is not taken for the smallest."""
    with pytest.raises(ConfigurationError, match="ZOOM_PLAN"):
        zoom_settings({"ZOOM_PLAN": "golden"})
