"""`python -m infra provision`: topics, ACLs and the bucket as the product needs them."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from infra.clock import SystemClock
from infra.provisioning.bucket import bucket_steps
from infra.provisioning.grants import parse_principals
from infra.provisioning.kafka_admin import kafka_admin
from infra.provisioning.policies import policy_documents
from infra.provisioning.steps import Step, differs, fine, settle
from infra.provisioning.topics import grant_steps, topic_steps
from infra.settings import ProvisionSettings, archive_bucket, provision_settings
from infra.storage.s3 import s3_client
from infra.storage.s3_errors import translated
from infra.transport import Transport
from infra.transport.connect import connect
from infra.transport.kafka import KafkaTransport
from schemas.topics import all_topics


@click.group(invoke_without_command=True)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when something is not as it should be.")
@click.pass_context
def provision(context: click.Context, check: bool) -> None:
    """Make topics, ACLs and the bucket as the product needs them. Safe to run again.

    Reads TRANSPORT_URL, KAFKA_*, ARCHIVE_* and AWS_*. Says line by line what is fine, what was changed, and what this
    broker or store does not offer. Exits with 1 when something could not be settled.
    """
    if context.invoked_subcommand is not None:
        return
    settings = provision_settings(os.environ)
    outcome = settle(all_steps(settings), click.echo, check=check)
    click.echo(outcome.summary)
    sys.exit(0 if outcome.is_as_it_should_be else 1)


@provision.command()
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Write PROGRAM.json into this folder.")
def policies(to: Path | None) -> None:
    """Print one least-privilege IAM policy per program that touches the bucket (ARCHIVE_BUCKET)."""
    documents = policy_documents(archive_bucket(os.environ))
    if to is None:
        click.echo(json.dumps(documents, indent=2))
        return
    to.mkdir(parents=True, exist_ok=True)
    for program, document in documents.items():
        path = to / f"{program}.json"
        path.write_text(json.dumps(document, indent=2) + "\n")
        click.echo(path)


def all_steps(settings: ProvisionSettings) -> Iterator[Step]:
    """The log's steps, then the bucket's.

    Raises:
        ConfigurationError: KAFKA_PRINCIPALS names an unknown role.
        TransientError: the log or the store does not answer.
    """
    principals = parse_principals(settings.kafka_principals)
    with closing(connect(settings.transport, SystemClock())) as transport:
        if isinstance(transport, KafkaTransport):
            with kafka_admin(transport.cluster) as admin:
                yield from topic_steps(admin)
                yield from grant_steps(admin, principals)
        else:
            yield _embedded(transport)
    with translated("open"):
        client = s3_client(settings.s3_endpoint_url)
    with closing(client):
        yield from bucket_steps(client, settings.archive_bucket, object_lock=settings.object_lock)


def _embedded(transport: Transport) -> Step:
    missing = {topic.name for topic in all_topics()} - set(transport.topics())
    if missing:
        return differs(f"the embedded log: made with its {len(missing)} topics", transport.create_topics)
    return fine("the embedded log: its topics; it has no copies, settings or ACLs")
