"""The log breaks: a broker is killed, stands still, or one of three goes."""

from tests.fault_lab.lab import Lab, Scenario
from tests.fault_lab.part import LabError
from tests.fault_lab.world import Shape, World

PAUSE_SECONDS = 30.0
THREE = Shape(brokers=3, database="postgres")


def killed(lab: Lab) -> None:
    """The one broker dies in mid-load and is started again over its data."""
    brokers = _brokers(lab.world)
    lab.wait(lab.seconds * lab.random.uniform(0.2, 0.35))
    brokers.nodes[0].kill()
    lab.say("killed the broker")
    lab.wait(lab.seconds * 0.35)
    lab.expect(lab.world.metrics()["webhook_spool_records"] > 0, "nothing was spooled while the broker was dead")
    brokers.heal()


def paused(lab: Lab) -> None:
    """The broker keeps its connections and answers nothing for half a minute."""
    node = _brokers(lab.world).nodes[0]
    lab.wait(lab.seconds * lab.random.uniform(0.1, 0.2))
    node.pause()
    lab.say("paused the broker")
    lab.wait(PAUSE_SECONDS)
    lab.expect(lab.world.metrics()["webhook_spool_records"] > 0, "nothing was spooled while the broker stood still")
    node.go_on()


def one_of_three_killed(lab: Lab) -> None:
    """A broker that leads partitions dies; two stay in sync, so the log goes on taking events. Then it comes back."""
    brokers = _brokers(lab.world)
    lab.wait(lab.seconds * lab.random.uniform(0.2, 0.35))
    victim = lab.random.choice(brokers.nodes)
    victim.kill()
    lab.say(f"killed broker {victim.number} of three")
    lab.wait(lab.seconds * 0.35)
    brokers.heal()


def _brokers(world: World):
    if world.brokers is None:
        raise LabError("this scenario needs brokers")
    return world.brokers


SCENARIOS = (
    Scenario(1, "broker-killed", "broker kill -9 and restart", killed),
    Scenario(2, "broker-paused", "broker paused (SIGSTOP) 30 s", paused),
    Scenario(3, "one-of-three", "one of three brokers killed (RF 3, min ISR 2)", one_of_three_killed, THREE),
)
