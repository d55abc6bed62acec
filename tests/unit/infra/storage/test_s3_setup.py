"""What the S3 adapter makes of a bucket that it may not look at, make or give rules; no network: answers are stubbed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.stub import Stubber

from infra.errors import ConfigurationError
from infra.storage.base import Provisioned
from infra.storage.s3 import S3Store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = S3Store("archive", "http://127.0.0.1:1")
    yield made
    made.close()


@pytest.fixture
def answers(store: S3Store) -> Iterator[Stubber]:
    with Stubber(store._client) as stubber:
        yield stubber


def refuse(answers: Stubber, operation: str, code: str, status: int) -> None:
    answers.add_client_error(operation, service_error_code=code, http_status_code=status)


def test_a_bucket_that_may_not_be_looked_at(store: S3Store, answers: Stubber) -> None:
    """It may still be written to: told, not raised."""
    refuse(answers, "head_bucket", "403", 403)
    refuse(answers, "get_bucket_lifecycle_configuration", "AccessDenied", 403)

    assert store.ensure_bucket() == Provisioned("unknown", "refused")


def test_a_store_without_lifecycle(store: S3Store, answers: Stubber) -> None:
    """501 is told, not raised: the daily expiry works without the rule."""
    answers.add_response("head_bucket", {})
    refuse(answers, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", 404)
    refuse(answers, "put_bucket_lifecycle_configuration", "NotImplemented", 501)

    assert store.ensure_bucket() == Provisioned("there", "unsupported")


def test_a_missing_bucket_that_may_not_be_made(store: S3Store, answers: Stubber) -> None:
    """The operator is told which setting to look at."""
    refuse(answers, "head_bucket", "404", 404)
    refuse(answers, "create_bucket", "AccessDenied", 403)

    with pytest.raises(ConfigurationError, match="ARCHIVE_BUCKET"):
        store.ensure_bucket()


def test_a_bucket_that_somebody_made_meanwhile(store: S3Store, answers: Stubber) -> None:
    """Two programs that start at once both go on."""
    refuse(answers, "head_bucket", "404", 404)
    refuse(answers, "create_bucket", "BucketAlreadyOwnedByYou", 409)
    refuse(answers, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", 404)
    answers.add_response("put_bucket_lifecycle_configuration", {})

    assert store.ensure_bucket() == Provisioned("there", "written")


def test_a_bucket_of_somebody_else(store: S3Store, answers: Stubber) -> None:
    """The name is taken: the operator is told which setting to look at."""
    refuse(answers, "head_bucket", "404", 404)
    refuse(answers, "create_bucket", "BucketAlreadyExists", 409)
    refuse(answers, "head_bucket", "403", 403)

    with pytest.raises(ConfigurationError, match="ARCHIVE_BUCKET"):
        store.ensure_bucket()


def test_a_bucket_that_appeared_and_answers(store: S3Store, answers: Stubber) -> None:
    """Some stores call a bucket of ours somebody's: what can be looked at is there."""
    refuse(answers, "head_bucket", "404", 404)
    refuse(answers, "create_bucket", "BucketAlreadyExists", 409)
    answers.add_response("head_bucket", {})
    refuse(answers, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", 404)
    answers.add_response("put_bucket_lifecycle_configuration", {})

    assert store.ensure_bucket() == Provisioned("there", "written")


def test_a_new_bucket_is_made_in_the_region(store: S3Store, answers: Stubber) -> None:
    """Outside us-east-1 S3 wants to be told the region."""
    refuse(answers, "head_bucket", "404", 404)
    place = {"LocationConstraint": "eu-west-1"}
    answers.add_response("create_bucket", {}, {"Bucket": "archive", "CreateBucketConfiguration": place})
    refuse(answers, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", 404)
    answers.add_response("put_bucket_lifecycle_configuration", {})

    assert store.ensure_bucket() == Provisioned("made", "written")


def test_nothing_uses_the_transfer_manager() -> None:
    """It alone would choose the CRT client, which ignores the endpoint and writes to AWS itself."""
    infra = Path(__file__).parents[4] / "infra"
    names = (
        "upload_fileobj",
        "upload_file(",
        "download_fileobj",
        "download_file(",
        "TransferConfig",
        "s3transfer",
        "awscrt",
    )

    assert [path.name for path in infra.rglob("*.py") if any(name in path.read_text() for name in names)] == []


@pytest.mark.parametrize(
    ("region", "bucket", "endpoint", "origin"),
    [
        ("us-east-1", "calls-x", None, "https://calls-x.s3.us-east-1.amazonaws.com"),
        ("eu-central-1", "calls-x", None, "https://calls-x.s3.eu-central-1.amazonaws.com"),
        (
            "eu-central-1",
            "calls.x",
            None,
            "https://s3.eu-central-1.amazonaws.com",
        ),  # no certificate has two more labels
        ("us-east-1", "calls-x", "https://s3.example:9000", "https://s3.example:9000"),
        ("us-east-1", "calls-x", "http://127.0.0.1:8333", "http://127.0.0.1:8333"),
    ],
)
def test_where_links_lead(
    monkeypatch: pytest.MonkeyPatch, region: str, bucket: str, endpoint: str | None, origin: str
) -> None:
    """On AWS to the bucket's host in its own region, which redirects nobody; elsewhere to the endpoint that was given."""
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": region}.items():
        monkeypatch.setenv(name, value)
    store = S3Store(bucket, endpoint)

    link = str.__str__(store.link("calls/2f/a b", "v1", 60, "inline"))

    assert store.link_origin() == origin
    assert link.startswith(f"{origin}/")
    assert "versionId=v1" in link
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert "X-Amz-Expires=60&" in link
    store.close()


def test_a_link_hides_itself(store: S3Store) -> None:
    """Whoever has it can read the recording, so no log line or error text shows it."""
    assert "X-Amz" not in f"{store.link('calls/a', None, 60)}"
