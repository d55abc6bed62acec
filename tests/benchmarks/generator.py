"""Our own load generator, for where wrk is missing: URL REQUESTS CONNECTIONS SECONDS; prints one line of JSON."""

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.run import CLOCK, percentile


def requests_of(path: Path, target: str, host: str) -> Iterator[bytes]:
    """Return the file's requests, ready for the wire, in rotation."""
    made: list[bytes] = []
    head: list[str] = []
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if line:
            head.append(line)
            continue
        content = next(lines).encode()
        start = [f"POST {target} HTTP/1.1", f"host: {host}", f"content-length: {len(content)}", *head, "", ""]
        made.append("\r\n".join(start).encode() + content)
        head = []
    return cycle(made)


async def _client(
    address: tuple[str, int], requests: Iterator[bytes], until: float, latencies: list[float], errors: list[int]
) -> None:
    reader, writer = await asyncio.open_connection(*address)
    while CLOCK.monotonic() < until:
        began_at = CLOCK.monotonic()
        writer.write(next(requests))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        await reader.readexactly(length)
        latencies.append((CLOCK.monotonic() - began_at) * 1000)
        if not head.startswith(b"HTTP/1.1 2"):
            errors.append(1)
    writer.close()


async def _run(url: str, path: str, connections: int, seconds: float) -> dict[str, float]:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    requests = requests_of(Path(path), parts.path, f"{host}:{port}")
    latencies: list[float] = []
    errors: list[int] = []
    began_at = CLOCK.monotonic()
    until = began_at + seconds
    await asyncio.gather(*(_client((host, port), requests, until, latencies, errors) for _ in range(connections)))
    return {
        "requests": len(latencies),
        "seconds": CLOCK.monotonic() - began_at,
        "p50_ms": percentile(latencies, 0.5),
        "p99_ms": percentile(latencies, 0.99),
        "errors": len(errors),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
