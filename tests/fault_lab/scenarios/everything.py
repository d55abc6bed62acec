"""Everything at once: one fault after the other and beside it, in an order that only the seed knows."""

from collections.abc import Callable

from tests.fault_lab.chat_house import Mode as ChatMode
from tests.fault_lab.clock import CLOCK, set_jump
from tests.fault_lab.lab import Lab, Scenario
from tests.fault_lab.scenarios.processors import OWN
from tests.fault_lab.scenarios.zoom import REST_FAULTS, faulty_files
from tests.fault_lab.world import World

CHAT_MODES: tuple[ChatMode, ...] = ("slow", "429", "500", "late")
MOST_AT_ONCE = 3
MOST_SECONDS = 20.0  # that one fault lasts

Begin = Callable[[Lab], Callable[[], None]]  # breaks something; what it returns mends it


def everything(lab: Lab) -> None:
    """Up to three faults at a time, each for a few seconds, until the load is over."""
    deadline = CLOCK.monotonic() + lab.seconds
    mending: dict[str, tuple[float, Callable[[], None]]] = {}
    count = 0
    while CLOCK.monotonic() < deadline:
        for name in [name for name, (until, _) in mending.items() if until <= CLOCK.monotonic()]:
            mending.pop(name)[1]()
            lab.say(f"{name}: over")
        _restart(lab.world)
        free = [name for name in FAULTS if name not in mending]
        if len(mending) < MOST_AT_ONCE and free and lab.random.random() < 0.3:
            name = lab.random.choice(free)
            lab.say(f"{name}: begins")
            mending[name] = (CLOCK.monotonic() + lab.random.uniform(2, MOST_SECONDS), FAULTS[name](lab))
            count += 1
        lab.wait(1.0)
    for _, mend in mending.values():
        mend()
    lab.say(f"{count} faults")


def _restart(world: World) -> None:
    """As a service manager would."""
    for part in world.parts.values():
        part.start()


def _broker(lab: Lab) -> Callable[[], None]:
    brokers = lab.world.brokers
    if brokers is None:
        return lambda: None
    node = lab.random.choice(brokers.nodes)
    if lab.random.random() < 0.5:
        node.pause()
    else:
        node.kill()
    return brokers.heal


def _receiver(lab: Lab) -> Callable[[], None]:
    lab.world.receiver.kill()
    return lab.world.receiver.start


def _processor(lab: Lab) -> Callable[[], None]:
    lab.random.choice(lab.world.processors).kill()
    return lambda: None


def _chat(lab: Lab) -> Callable[[], None]:
    chat = lab.world.chat
    if lab.random.random() < 0.3:
        chat.shut()
    else:
        chat.mode = lab.random.choice(CHAT_MODES)
    return chat.open


def _store(lab: Lab) -> Callable[[], None]:
    door, server = lab.world.store_door, lab.world.s3

    def mend() -> None:
        door.mode = "open"
        if server.pid is None:
            server.start()

    if lab.random.random() < 0.3:
        server.kill()
    else:
        door.mode = lab.random.choice(("slow", "503", "shut"))
    return mend


def _database(lab: Lab) -> Callable[[], None]:
    server = lab.world.postgres
    if server is None:
        return lambda: None
    server.kill()
    return server.start


def _zoom(lab: Lab) -> Callable[[], None]:
    rest = lab.world.zoom.rest
    rest.faults.extend(REST_FAULTS)
    rest.revoke_access_tokens()
    return rest.faults.clear


def _clocks(lab: Lab) -> Callable[[], None]:
    set_jump(lab.world.clock_file, lab.random.choice((120.0, -120.0)))  # inside the window: 14 is about the rest
    return lambda: set_jump(lab.world.clock_file, 0.0)


FAULTS: dict[str, Begin] = {
    "broker": _broker,
    "receiver killed": _receiver,
    "processor killed": _processor,
    "chat": _chat,
    "store": _store,
    "database": _database,
    "zoom": _zoom,
    "clocks": _clocks,
}

SCENARIOS = (
    Scenario(
        15,
        "everything",
        "everything at once, random order",
        everything,
        OWN,
        calls=120,
        mix_share=0.3,
        faulty=faulty_files,
    ),
)
