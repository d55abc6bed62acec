"""The jars of the local Kafka broker: fetched once from Maven Central into `var/cache`, checked for Java."""

import fcntl
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.errors import ConfigurationError

FOLDER = Path(__file__).resolve().parent / "kafka"
ROOT = FOLDER.parents[2]
JAVA_VERSION = 17  # the oldest that Kafka 4 brokers run on
FETCH_SECONDS = 600  # 44 MB of jars take half a minute on a good line


def java() -> str:
    """Return the path of java. Raises ConfigurationError when it is missing or too old."""
    hint = f"the local Kafka broker needs Java {JAVA_VERSION} or later: apt-get install openjdk-17-jre-headless"
    found = shutil.which("java")
    if found is None:
        raise ConfigurationError(f"java is missing; {hint}")
    printed = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    version = re.search(r'version "(\d+)', printed)
    if version is None or int(version[1]) < JAVA_VERSION:
        raise ConfigurationError(f"java is too old; {hint}")
    return found


def jars() -> Path:
    """Return the folder of the jars, after fetching them where that was not done before. Several processes may call it.

    Raises:
        ConfigurationError: Maven is missing, or the jars cannot be fetched.
    """
    version = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>([^<]+)", (FOLDER / "pom.xml").read_text())
    if version is None:
        raise ConfigurationError("infra/local/kafka/pom.xml names no version of kafka_2.13")
    cache = ROOT / "var" / "cache" / f"kafka-{version[1]}"
    if cache.is_dir():
        return cache
    cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache.parent / f"{cache.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cache.is_dir():
            _fetch(cache)
    return cache


def _fetch(cache: Path) -> None:
    """Fetch into a folder beside it and rename that: the cache is whole or not there."""
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError("mvn is missing; the local Kafka broker's jars come by Maven: apt-get install maven")
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        shutil.copy(FOLDER / "pom.xml", folder)  # Maven writes beside its pom
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]
        result = subprocess.run(
            [maven, "-q", "-B", *goal], cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
        if result.returncode != 0:
            raise ConfigurationError(
                "Maven could not fetch the jars of the local Kafka broker: is Maven Central reachable?"
            )
        (Path(folder) / "jars").rename(cache)
