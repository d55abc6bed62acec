"""The fault lab's short form: one seed of seven scenarios, so that no change breaks what `make faults` shows at length."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from tests.conftest import missing
from tests.contract.s3_fixtures import require_seaweedfs
from tests.fault_lab.in_order import InOrder
from tests.fault_lab.plan import make_calls
from tests.fault_lab.running import Place, run_once
from tests.fault_lab.scenarios import SCENARIOS

SEED = 1
CALLS = 7  # one of every kind
LOAD_SECONDS = 12.0  # what it took to get no answer or a 503 is sent again until 43 s after
# Beyond what the lab's own deadlines come to, so that a run that goes wrong ends with what the judge saw: parts start
# (broker 90 s, PostgreSQL 60 s, receiver and processors 180 s each), load and Zoom's schedule 132 s, a scenario's own
# 90 s, recovery 180 s, the last look 180 s. A scenario takes about a minute.
LIMIT_SECONDS = 1200

pytestmark = [pytest.mark.s3, pytest.mark.timeout(LIMIT_SECONDS, func_only=True)]


@pytest.fixture(scope="session")
def in_order(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> InOrder:
    """States after a run without faults, made before all scenarios and once for all of xdist's workers; its own deadlines end it."""
    require_seaweedfs()
    own = tmp_path_factory.getbasetemp()
    found = InOrder(own if worker_id == "master" else own.parent)
    found.of(SEED, make_calls(SEED, CALLS, found.began_at))
    return found


@pytest.mark.parametrize("name", ["receiver-killed", "processor-killed", "chat-unwell", "bad-downloads", "mixed-up"])
def test_nothing_is_lost_or_doubled_on_embedded_parts(name: str, in_order: InOrder, tmp_path: Path) -> None:
    """Scenarios 4, 5, 6, 8 and 12: zero in every column of harm, and the fault did what it is for."""
    assert_no_harm(name, Place(tmp_path, in_order, print, embedded=True))


@pytest.mark.kafka
@pytest.mark.xdist_group("fault_lab")  # apart from the tests that share a broker
@pytest.mark.parametrize("name", ["broker-killed", "store-unwell"])
def test_nothing_is_lost_or_doubled_on_real_servers(name: str, in_order: InOrder, tmp_path: Path) -> None:
    """Scenarios 1 and 7, on a Kafka broker and PostgreSQL."""
    try:
        assert_no_harm(name, Place(tmp_path, in_order, print))
    except ConfigurationError as error:
        missing(str(error))


def assert_no_harm(name: str, place: Place) -> None:
    result = run_once(replace(SCENARIOS[name], calls=CALLS), SEED, LOAD_SECONDS, place)

    assert result.harm.acknowledged > 0
    assert result.passed, "\n".join([*result.remarks, *result.harm.details[:20]])
