import pytest

from tests.unit.webhook_receiver.harness import Receiver


@pytest.fixture
def receiver() -> Receiver:
    """A receiver to which every account is its own."""
    return Receiver()
