"""An object store in memory that can also remove an object for good."""

from tests.unit.infra.storage.memory_store import MemoryStore, failing_on

__all__ = ["FakeObjectStore", "failing_on"]


class FakeObjectStore(MemoryStore):
    """A bucket without versions."""

    def delete_all_versions(self, key: str) -> None:
        self.before("delete_all_versions")
        self._refuse_held(key)
        self.objects.pop(key, None)
