"""The bucket's steps against S3 in memory, over https as AWS is, and against stores that refuse or lack things."""

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infra.provisioning.bucket import bucket_steps
from infra.provisioning.policies import policy_documents, tls_statement, with_statement
from infra.provisioning.steps import settle
from infra.storage.s3 import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "the-archive"
THEIRS = {
    "Sid": "theirs",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:DeleteBucket",
    "Resource": f"arn:aws:s3:::{BUCKET}",
}


@pytest.fixture
def client() -> Iterator["S3Client"]:
    with mock_aws(), closing(s3_client(None, aws_access_key_id="x", aws_secret_access_key="x")) as client:
        yield client


def provision(client: "S3Client", *, check: bool = False, object_lock: bool = False) -> tuple[str, list[str]]:
    said: list[str] = []
    return settle(bucket_steps(client, BUCKET, object_lock=object_lock), said.append, check=check).summary, said


def test_a_bucket_is_made_whole_when_there_is_none(client: "S3Client") -> None:
    """Versioned, closed to the public, TLS only, with our rules; then nothing is to change."""
    summary, _ = provision(client)

    assert summary == "4 changed"  # the rules come with the bucket
    assert client.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(client.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert "ZoomCallsTlsOnly" in client.get_bucket_policy(Bucket=BUCKET)["Policy"]
    assert len(client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]) == 4
    assert provision(client, check=True)[0] == "nothing to change"


def test_a_bucket_gets_object_lock_when_it_is_wanted(client: "S3Client") -> None:
    """A new one is made with it; one that is there gets it; not wanted, it is not spoken of."""
    provision(client, object_lock=True)

    found = client.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
    assert found.get("ObjectLockEnabled") == "Enabled"
    assert provision(client, check=True, object_lock=True)[0] == "nothing to change"
    assert not [line for line in provision(client, check=True)[1] if "Object Lock" in line]


def test_a_store_that_gives_object_lock_to_new_buckets_alone_says_so(client: "S3Client") -> None:
    """What is wanted and not to be had is not settled, and the line says what to do."""
    provision(client)
    with Stubber(client) as stub:
        stub.add_response("head_bucket", {})
        stub.add_response("get_bucket_versioning", {"Status": "Enabled"})
        stub.add_client_error(
            "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError", http_status_code=404
        )
        stub.add_client_error("put_object_lock_configuration", "InvalidBucketState", http_status_code=409)
        said: list[str] = []
        steps = islice(bucket_steps(client, BUCKET, object_lock=True), 3)

        outcome = settle(steps, said.append, check=False)

    assert outcome.unsettled == 1
    assert "new buckets alone" in said[-1]


def test_nothing_is_made_when_it_is_a_check(client: "S3Client") -> None:
    """It names the bucket and what comes with it."""
    summary, said = provision(client, check=True)

    assert summary == "1 would change"
    assert "TLS-only policy" in said[1]
    assert client.list_buckets()["Buckets"] == []


def test_a_customers_statements_are_kept_when_tls_is_asked_for(client: "S3Client") -> None:
    """Ours is merged in by its Sid, and an older one of ours replaced."""
    client.create_bucket(Bucket=BUCKET)
    older = {**tls_statement(BUCKET), "Action": "s3:GetObject"}
    policy = {"Version": "2012-10-17", "Id": "theirs", "Statement": [older, THEIRS]}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))

    provision(client)

    found = json.loads(client.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert found == {**policy, "Statement": [THEIRS, tls_statement(BUCKET)]}


def test_our_statement_is_known_when_the_store_writes_it_another_way(client: "S3Client") -> None:
    """Stores reorder lists, and write principals and booleans in their own way: that is no difference."""
    client.create_bucket(Bucket=BUCKET)
    provision(client)
    ours = tls_statement(BUCKET)
    same: dict[str, Any] = {**ours, "Principal": {"AWS": "*"}, "Action": ["s3:*"], "Resource": ours["Resource"][::-1]}
    same["Condition"] = {"Bool": {"aws:SecureTransport": [False]}}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": same}))

    assert provision(client, check=True)[0] == "nothing to change"


@pytest.mark.parametrize(
    ("status", "code", "summary"),
    [
        (501, "NotImplemented", "nothing to change"),
        (400, "InvalidRequest", "nothing to change"),
        (403, "AccessDenied", "1 not settled"),
    ],
)
def test_a_store_without_a_part_of_s3_is_taken_as_it_is(
    client: "S3Client", status: int, code: str, summary: str
) -> None:
    """What is not offered is a note; what we may not look at is not settled."""
    provision(client)
    stub = Stubber(client)
    stub.add_response("head_bucket", {})
    stub.add_response("get_bucket_versioning", {"Status": "Enabled"})
    stub.add_client_error("get_public_access_block", code, http_status_code=status)
    rules = client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    stub.add_response("get_bucket_lifecycle_configuration", {"Rules": rules})
    stub.add_response("get_bucket_policy", {"Policy": json.dumps(with_statement({}, tls_statement(BUCKET)))})

    with stub:
        assert provision(client, check=True)[0] == summary


def test_nothing_else_is_asked_when_the_bucket_is_not_ours_to_see(client: "S3Client") -> None:
    """It may be somebody else's: one line, not settled."""
    stub = Stubber(client)
    stub.add_client_error("head_bucket", "403", http_status_code=403)

    with stub:
        summary, said = provision(client)

    assert (summary, len(said)) == ("1 not settled", 1)


def test_tls_is_left_out_when_the_endpoint_speaks_plain_http() -> None:
    """The statement would lock us out."""
    with closing(s3_client("http://127.0.0.1:1", aws_access_key_id="x", aws_secret_access_key="x")) as client:
        stub = Stubber(client)
        stub.add_response("head_bucket", {})
        stub.add_response("get_bucket_versioning", {"Status": "Enabled"})
        stub.add_client_error("get_public_access_block", "NotImplemented", http_status_code=501)
        stub.add_client_error("get_bucket_lifecycle_configuration", "NotImplemented", http_status_code=501)
        with stub:
            summary, said = provision(client)

    assert summary == "nothing to change"
    assert "plain http" in said[-1]


@pytest.mark.parametrize("program", policy_documents(BUCKET))
def test_a_policy_opens_no_more_than_our_prefix(program: str) -> None:
    """No wildcard action, no other bucket; objects under calls/ alone, and none at all for provisioning."""
    for statement in policy_documents(BUCKET)[program]["Statement"]:
        assert not [action for action in statement["Action"] if "*" in action]
        assert set(statement["Resource"]) <= {f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/calls/*"}


def test_only_expire_deletes() -> None:
    """The archive's own worker cannot."""
    deleting = {
        program for program, document in policy_documents(BUCKET).items() if "s3:DeleteObject" in json.dumps(document)
    }

    assert deleting == {"expire"}
