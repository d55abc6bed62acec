"""The composition root of the processors: from settings to a world to run on."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from infra.admin import AdminApp, listen, serve
from infra.archive.download import Downloader
from infra.chat.connect import connect_chat
from infra.clock import Clock
from infra.database.engine import check_revision, open_database
from infra.hosts import AllowList
from infra.metrics import PrometheusMetrics
from infra.settings import Address, ProcessorSettings
from infra.storage.s3 import S3Store
from infra.transport import Producer, Transport
from infra.transport.connect import connect
from infra.zoom.connect import open_zoom
from processors.base import Processor
from processors.commands import (
    ArchiveFile,
    AskRecordings,
    PublishEvent,
    PutChatMessage,
    ScanText,
    ShowCall,
    ShowFlag,
    TagFile,
)
from processors.meeting_flagging import SHIPPED, Policy, check, load_policy, scan
from processors.meeting_flagging.blas import use_one_thread
from processors.registry import PROCESSORS, Options
from processors.runtime.performers import Performer
from processors.runtime.performers.archive import ArchiveFilePerformer
from processors.runtime.performers.archive_source import FileSources
from processors.runtime.performers.ask import AskPerformer
from processors.runtime.performers.chat import ChatPerformer
from processors.runtime.performers.publish import PublishPerformer
from processors.runtime.performers.scan import ScanPerformer
from processors.runtime.performers.show import ShowPerformer
from processors.runtime.performers.tags import TagFilePerformer
from processors.runtime.receipts import Receipts
from processors.runtime.runner import World
from processors.runtime.uploads import UploadJournal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Composition:
    """A world, and the processors to run on it by name."""

    world: World
    processors: Mapping[str, Processor[Any]]


@contextmanager
def composed(settings: ProcessorSettings, clock: Clock) -> Iterator[Composition]:
    """Open everything that processors need, topics and bucket included where they are missing; close it at the end.

    Raises:
        ConfigurationError: a setting is wrong, or the database is not at our revision.
        PolicyError: the policy must not be used; the text names file and line.
        TransientError: the log, the database or the store does not answer.
    """
    use_one_thread()
    policy = load_policy(settings.policy_folder or SHIPPED)
    check(policy)
    engine = open_database(settings.database_url)
    check_revision(engine)
    with ExitStack() as open_parts:
        open_parts.callback(engine.dispose)
        transport = connect(settings.transport, clock)
        open_parts.callback(transport.close)
        transport.create_topics()
        producer = transport.producer()
        open_parts.callback(producer.close)
        store = S3Store(settings.archive_bucket, settings.s3_endpoint_url)
        open_parts.callback(store.close)
        store.ensure_bucket(object_lock=settings.object_lock)
        performers = _performers(
            settings, _Parts(transport, producer, store, Receipts(engine), UploadJournal(engine, clock), policy, clock)
        )
        metrics = PrometheusMetrics("processor_")
        _serve_metrics(settings.metrics_bind, metrics)
        world = World(
            engine=engine,
            transport=transport,
            producer=producer,
            performers=performers,
            clock=clock,
            metrics=metrics,
            health_file=settings.health_file,
        )
        options = _options(settings, policy)
        yield Composition(world, {name: make(options) for name, make in PROCESSORS.items()})


def made(name: str, settings: ProcessorSettings) -> Processor[Any]:
    """Return one processor as it runs here, without a world to run on."""
    return PROCESSORS[name](_options(settings, load_policy(settings.policy_folder or SHIPPED)))


def _options(settings: ProcessorSettings, policy: Policy) -> Options:
    return Options(
        call_page_url=settings.call_page_url,
        call_policies_url=settings.call_policies_url,
        no_recording_grace=timedelta(seconds=settings.no_recording_grace_seconds),
        policy=policy,
    )


def _serve_metrics(bind: Address, metrics: PrometheusMetrics) -> None:
    """Answer `/metrics` and `/readyz` on METRICS_BIND; raises ConfigurationError when the address is taken."""
    listener = listen("METRICS_BIND", bind)
    serve(listener, AdminApp(metrics, lambda: True))
    log.info("metrics.served", address=str(Address(*listener.getsockname()[:2])))


@dataclass(frozen=True, slots=True)
class _Parts:
    transport: Transport
    producer: Producer
    store: S3Store
    receipts: Receipts
    journal: UploadJournal
    policy: Policy
    clock: Clock


def _performers(settings: ProcessorSettings, parts: _Parts) -> dict[str, Performer[Any]]:
    zoom = open_zoom(settings.zoom, parts.clock)
    hosts = AllowList(settings.zoom.hosts)
    download = Downloader(hosts, AllowList(settings.zoom.download_hosts), parts.clock)
    archive = ArchiveFilePerformer(
        sources=FileSources(parts.transport, zoom, parts.clock),
        store=parts.store,
        download=download,
        receipts=parts.receipts,
        journal=parts.journal,
        clock=parts.clock,
    )
    chat = connect_chat(settings.chat_url, settings.chat_token, parts.clock, settings.chat_room)
    return {
        PutChatMessage.kind: ChatPerformer(chat),
        ArchiveFile.kind: archive,
        TagFile.kind: TagFilePerformer(store=parts.store, receipts=parts.receipts),
        ScanText.kind: ScanPerformer(parts.store, lambda document, kind: scan(document, kind, parts.policy).as_data()),
        AskRecordings.kind: AskPerformer(zoom),
        PublishEvent.kind: PublishPerformer(parts.producer),
        ShowCall.kind: ShowPerformer(),
        ShowFlag.kind: ShowPerformer(),
    }
