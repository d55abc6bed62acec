"""A Zoom to try the product with: signs and sends webhooks, retries, answers OAuth and REST, serves recordings.

    server = SimulatorServer(); server.start()
    player = Player(receiver_url, secret, server, SystemClock())
    player.play([build_call("clean", seed=1, now=clock.now())])

It can do what Zoom does wrong, too: see `faults`. `python -m infra.zoom.simulator --help` is the same for people.
"""

from infra.zoom.simulator.chat import ReferenceChat, Revision
from infra.zoom.simulator.library import SimulatedFile, SimulatedSession
from infra.zoom.simulator.player import Outcome, Player
from infra.zoom.simulator.rest import Credentials
from infra.zoom.simulator.scenario import Call, Delivery, Expectation, ExpectedFile, Scenario
from infra.zoom.simulator.scenarios import SCENARIOS, build_call
from infra.zoom.simulator.sender import Response, Sender, signature
from infra.zoom.simulator.server import RecordingsServer, RemoteSimulator, SimulatorServer

__all__ = [
    "SCENARIOS", "Call", "Credentials", "Delivery", "Expectation", "ExpectedFile", "Outcome", "Player",
    "RecordingsServer", "ReferenceChat", "RemoteSimulator", "Response", "Revision", "Scenario", "Sender",
    "SimulatedFile", "SimulatedSession", "SimulatorServer", "build_call", "signature",
]  # fmt: skip
