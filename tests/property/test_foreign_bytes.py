"""Everything that reads what others wrote is total: it gives what it promises, or one of the errors it promises."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import FOUND, SEEDS
from tests.fuzz.strategies import bytes_for
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_reader_is_total(name: str, data: st.DataObject) -> None:
    """Whatever the bytes; `make fuzz` tries for longer."""
    TARGETS[name](data.draw(bytes_for(name)))


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_takes_what_is_right_and_what_once_broke_it(name: str) -> None:
    """The seeds, and every case that was found."""
    seeds = SEEDS[name]

    for data in (*seeds.bodies, *seeds.texts, *FOUND.get(name, ())):
        TARGETS[name](data)
