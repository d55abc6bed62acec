"""Kafka brokers for the lab: one alone, or three that keep every record thrice and acknowledge it with two in sync."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from infra.clock import SystemClock
from infra.local.kafka_broker import KafkaBroker

_CLOCK = SystemClock()
COPIES, IN_SYNC = 3, 2  # as in production (schemas/topics.py)


class Node(KafkaBroker):
    """One of several brokers, each of them a controller as well."""

    def __init__(self, folder: Path, number: int, voters: Sequence[str] = ()) -> None:
        super().__init__(folder, _CLOCK)
        self.number = number
        self.voters = voters

    def _own_settings(self) -> Sequence[str]:
        if not self.voters:
            return ()
        copies = ("default.replication.factor", "offsets.topic.replication.factor")
        copies += ("transaction.state.log.replication.factor", "share.coordinator.state.topic.replication.factor")
        in_sync = ("min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr")
        return (
            f"node.id={self.number}",
            f"controller.quorum.voters={','.join(self.voters)}",
            *(f"{name}={COPIES}" for name in copies),
            *(f"{name}={IN_SYNC}" for name in in_sync),
        )

    def pause(self) -> None:
        """Let it stand still, its connections open."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)


class Brokers:
    """A cluster of `count` brokers over one folder."""

    def __init__(self, folder: Path, count: int) -> None:
        self.nodes = [Node(folder / f"broker-{number}", number) for number in range(1, count + 1)]
        voters = [f"{node.number}@{node.controller}" for node in self.nodes]
        for node in self.nodes:
            node.voters = voters if count > 1 else ()

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(node.bootstrap_servers for node in self.nodes)

    def launch(self) -> None:
        """Begin to start all of them."""
        for node in self.nodes:
            node.launch()

    def wait_until_ready(self) -> None:
        """Return once all of them answer."""
        for node in self.nodes:
            node.wait_until_ready()

    def heal(self) -> None:
        """Let every broker run: those that were killed or stand still as well."""
        dead = [node for node in self.nodes if node.pid is None]
        for node in self.nodes:
            node.go_on()
        for node in dead:
            node.launch()
        for node in dead:
            node.wait_until_ready()

    def stop(self) -> None:
        """End all of them, at once: nobody needs their data any more."""
        for node in self.nodes:
            node.go_on()
            node.kill()
