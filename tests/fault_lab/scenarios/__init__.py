"""Every scenario, by its number in the table."""

from tests.fault_lab.lab import Scenario
from tests.fault_lab.scenarios import brokers, chat, clocks, database, everything, processors, receiver, store, zoom

_FILES = (brokers, receiver, processors, chat, store, zoom, database, clocks, everything)
_ALL = (scenario for file in _FILES for scenario in file.SCENARIOS)
SCENARIOS: dict[str, Scenario] = {one.name: one for one in sorted(_ALL, key=lambda one: one.number)}
SOAK = everything.SCENARIOS[0].name  # ten minutes of its own: `make soak`
