"""Read values from the environment, and collect every problem with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from infra import plaintext
from infra.errors import ConfigurationError
from infra.secret import Secret

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes any free one."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read HOST:PORT, an IPv6 host in brackets; raises ValueError for anything else."""
        host, separator, port = text.rpartition(":")
        number = int(port)
        if not separator or not host or not 0 <= number <= 65535:
            raise ValueError
        return cls(host.strip("[]"), number)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass
class Reader:
    """Collects values and every problem with them."""

    environ: Mapping[str, str]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str | None:
        return self.environ.get(name, "").strip() or default

    def required(self, name: str, hint: str) -> str:
        value = self.text(name)
        if value is None:
            self.problems.append(f"{name} is not set: {hint}")
        return value or ""

    def secret(self, name: str) -> Secret | None:
        value = self.text(name)
        return None if value is None else Secret(value)

    def items(self, name: str, default: str = "") -> tuple[str, ...]:
        return tuple(item.strip() for item in (self.text(name, default) or "").split(",") if item.strip())

    def parsed(self, name: str, default: str, parse: Callable[[str], _T], expected: str) -> _T:
        try:
            return parse(self.text(name, default) or default)
        except ValueError:
            self.problems.append(f"{name} is not {expected}")
            return parse(default)

    def number(self, name: str, default: int, minimum: int, maximum: int) -> int:
        def parse(text: str) -> int:
            value = int(text)
            if not minimum <= value <= maximum:
                raise ValueError
            return value

        return self.parsed(name, str(default), parse, f"a whole number from {minimum} to {maximum}")

    def flawed(self, name: str, expected: str, flaw: Callable[[], bool]) -> bool:
        """Whether a value has this flaw; one that cannot be parsed is a problem of its own."""
        try:
            return flaw()
        except ValueError:
            self.problems.append(f"{name} is not {expected}")
            return False

    def address(self, name: str, default: str) -> Address:
        return self.parsed(name, default, Address.of, "HOST:PORT")

    def refuse_plaintext(self, name: str, kind: str, remedy: str) -> None:
        """A connection that others can read on its way is a problem, unless ALLOW_PLAINTEXT names its kind."""
        allowed = tuple(one for one in self.items("ALLOW_PLAINTEXT") if one in plaintext.KINDS)
        if kind not in allowed:
            self.problems.append(
                f"{name} leads off this machine without TLS: {remedy}, or ALLOW_PLAINTEXT={','.join((*allowed, kind))}"
            )

    def finish(self) -> None:
        unknown = set(self.items("ALLOW_PLAINTEXT")) - set(plaintext.KINDS)
        if unknown:
            self.problems.append(f"ALLOW_PLAINTEXT takes {', '.join(plaintext.KINDS)} and nothing else")
        if self.problems:
            raise ConfigurationError("; ".join(self.problems))
