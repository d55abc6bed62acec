"""The settings that every program of a world gets: its environment, and nothing else of ours."""

import os
from typing import TYPE_CHECKING, Any

from infra.local.ports import HOST
from infra.secret import Secret

if TYPE_CHECKING:
    from tests.fault_lab.world import World

BUCKET = "call-recordings"
SECRET = Secret("a-secret-of-the-fault-lab")
GRACE_SECONDS = 4  # instead of a day until a recording counts as missing


def settings_of(world: "World") -> dict[str, str]:
    """Return the environment of a world whose servers run."""
    log = f"sqlite:///{world.folder.absolute() / 'log.db'}"
    database = f"sqlite:///{world.folder.absolute() / 'processors.db'}"
    zoom: dict[str, Any] = {
        "ZOOM_CLIENT_ID": world.zoom.credentials.client_id,
        "ZOOM_CLIENT_SECRET": world.zoom.credentials.client_secret,
        "ZOOM_OAUTH_ACCOUNT_ID": world.zoom.credentials.account_id,
        "ZOOM_APP_ID": world.zoom.credentials.app_id,
        "ZOOM_API_URL": world.zoom.api_url,
        "ZOOM_OAUTH_URL": world.zoom.oauth_url,
        "ZOOM_HOSTS": world.zoom.url,
        "ZOOM_RATE_SHARE": "1",
    }
    own = {
        **world.s3.environment(),
        "AWS_ENDPOINT_URL_S3": f"http://{world.store_door.address}",
        "TRANSPORT_URL": log if world.brokers is None else f"kafka://{world.brokers.bootstrap_servers}",
        "DATABASE_URL": database if world.postgres is None else "".join(world.postgres.url),
        "SPOOL_PATH": str(world.folder.absolute() / "spool" / "receiver.db"),
        "ARCHIVE_BUCKET": BUCKET,
        "RECEIVER_BIND": f"{HOST}:{world.receiver_port}",
        "RECEIVER_ADMIN_BIND": f"{HOST}:{world.admin_port}",
        "ZOOM_WEBHOOK_SECRETS": "".join(SECRET),
        "CHAT_URL": world.chat.url,
        "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
        "NO_RECORDING_GRACE_SECONDS": str(GRACE_SECONDS),
        **zoom,
    }
    kept = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TMPDIR")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **own}
