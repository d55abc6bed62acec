"""The fault lab's short form: one seed of seven scenarios, so that no change breaks what `make faults` shows at length."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.errors import ConfigurationError
from tests.conftest import missing
from tests.contract.s3_fixtures import require_seaweedfs
from tests.fault_lab.in_order import InOrder
from tests.fault_lab.running import Place, run_once
from tests.fault_lab.scenarios import SCENARIOS

SEED = 1
CALLS = 7  # one of every kind
LOAD_SECONDS = 12.0  # what it took to get no answer or a 503 is sent again until 43 s after
LIMIT_SECONDS = 240  # for one scenario on a loaded machine, and the in-order run that the first one waits for

pytestmark = [pytest.mark.s3, pytest.mark.timeout(LIMIT_SECONDS), pytest.mark.xdist_group("fault_lab")]


@pytest.fixture(scope="session")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> InOrder:
    """States after a run without faults, made once for all scenarios."""
    require_seaweedfs()
    return InOrder(tmp_path_factory.mktemp("in-order"))


@pytest.mark.parametrize("name", ["receiver-killed", "processor-killed", "chat-unwell", "bad-downloads", "mixed-up"])
def test_nothing_is_lost_or_doubled_on_embedded_parts(name: str, in_order: InOrder, tmp_path: Path) -> None:
    """Scenarios 4, 5, 6, 8 and 12: zero in every column of harm, and the fault did what it is for."""
    assert_no_harm(name, Place(tmp_path, in_order, print, embedded=True))


@pytest.mark.kafka
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
    assert result.passed, [*result.remarks, *result.harm.details[:20]]
