"""The database goes away and comes back."""

from tests.fault_lab.lab import Lab, Scenario
from tests.fault_lab.part import LabError


def gone_and_back(lab: Lab) -> None:
    """PostgreSQL ends at once, as in a crash, and is started again over its data; twice."""
    server = lab.world.postgres
    if server is None:
        raise LabError("this scenario needs PostgreSQL")
    for _ in range(2):
        lab.wait(lab.seconds * lab.random.uniform(0.1, 0.2))
        server.kill()
        lab.say("the database is gone")
        lab.wait(lab.seconds * 0.2)
        server.start()
        lab.say("the database is back")


SCENARIOS = (Scenario(9, "database-gone", "database gone and back (PostgreSQL)", gone_and_back),)
