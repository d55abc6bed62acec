"""What every test may use: the owner's material, and real parts that are skipped by one sentence where they are missing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import coerce_node_id

if TYPE_CHECKING:
    from infra.local.s3_server import S3Server

SHARED = Path(__file__).resolve().parents[2] / "shared"


def missing(reason: str) -> None:
    """Skip with one sentence; in CI a missing real part is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Let one worker of xdist run all tests that need a broker, a homeserver or a browser: each would start its own."""
    for item in items:
        for name in ("browser", "kafka", "matrix"):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.xdist_group(name))
    yield
    for item in items:  # pytest-xdist 3.8 tells its groups where pytest 9.2 no longer looks (pytest-xdist issue 1386)
        if told := vars(item).get("_nodeid"):
            item._id = coerce_node_id(told)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The owner's material beside the project."""
    if not SHARED.is_dir():
        missing("../shared is not here: this test reads the owner's recorded Zoom bodies")
    return SHARED


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """A real S3 server (SeaweedFS), one for all tests of a process; skipped where its wheel has no build."""
    from tests.contract.s3_fixtures import running_s3_server  # noqa: PLC0415 - unit tests do without importing boto3

    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: the one that POSTGRES_URL names, else one of our own; skipped where it is not installed."""
    from tests.databases import running_postgres  # noqa: PLC0415 - unit tests do without importing SQLAlchemy

    with running_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url
