"""Zoom's REST, as the settings have it."""

from typing import cast

from infra.clock import Clock
from infra.hosts import AllowList
from infra.settings import ZoomSettings
from infra.zoom.budget import Plan, RateBudget
from infra.zoom.client import ZoomClient


def open_zoom(settings: ZoomSettings, clock: Clock) -> ZoomClient | None:
    """Return the client, with this process's share of the rate limits; None without credentials."""
    if not (settings.client_id and settings.client_secret and settings.oauth_account_id):
        return None
    return ZoomClient(
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        account_id=settings.oauth_account_id,
        api_url=settings.api_url,
        oauth_url=settings.oauth_url,
        hosts=AllowList(settings.hosts),
        clock=clock,
        budget=RateBudget(clock, cast(Plan, settings.plan), settings.rate_share),
    )
