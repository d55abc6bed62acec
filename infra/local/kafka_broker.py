"""A real Kafka broker on loopback, without Docker: the broker of the tests and of `make demo KAFKA=1`."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError
from infra.local import kafka_jars
from infra.local.certificate import Certificate
from infra.local.ports import free_ports
from infra.local.process import tied_to_parent

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"  # any 16 bytes in base64; the folder's own
START_SECONDS = 90.0  # 5 to 13 s as measured, 28 s after kill -9 under load; CI machines are slower
STOP_SECONDS = 15.0  # 2 s as measured; then it is killed
FORMAT_SECONDS = 60.0  # 1.4 s as measured
LOOK_SECONDS = 0.1  # between two looks whether it is ready
HEAP = "-Xmx384m"  # 340 MB resident with an empty log
STARTED_LINE = "Kafka Server started"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
ADMIN = "admin"  # of the users, the one who may do everything


class KafkaBroker:
    """A broker that is a cluster by itself, with its data in `folder`. Started again, it has the same port and its data.

    It ends when the thread that started it ends, however that happens (on Linux). With `users` (names and passwords, `admin`
    among them) it asks for SASL, PLAIN or SCRAM, and but for `admin` they may do only what ACLs allow. With a certificate it
    takes TLS alone.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        users: Mapping[str, str] | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._users = users or {}
        self._certificate = certificate
        self._protocol = ("SASL_" if users else "") + ("SSL" if certificate else "PLAINTEXT")
        self._port, self._controller_port = _ports(folder)
        self._log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def controller(self) -> str:
        """Where its controller listens."""
        return f"127.0.0.1:{self._controller_port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Return once the broker answers.

        Raises:
            ConfigurationError: Java or Maven is missing, or the broker ended while starting; the text says what to do.
            TransientError: it does not answer in time.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Begin to start; brokers of one cluster are ready only together. Raises ConfigurationError as `start` does."""
        java, classpath = kafka_jars.java(), f"{kafka_jars.jars()}/*"
        properties = self._configure()
        self._format(java, classpath, properties)
        options = [HEAP, "-XX:+UseG1GC", f"-Dlog4j2.configurationFile={kafka_jars.FOLDER / 'log4j2.properties'}"]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                tied_to_parent([java, *options, "-cp", classpath, "kafka.Kafka", str(properties)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches its owner alone, who stops it in order
            )

    def wait_until_ready(self) -> None:
        """Return once it answers; one that does not is ended. Raises as `start` does."""
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the broker in order; kill it when that takes too long."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the broker as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _configure(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        template = (kafka_jars.FOLDER / "server.properties").read_text()
        values = {"port": self._port, "controller_port": self._controller_port, "data": self._folder / "data"}
        for name, value in values.items():
            template = template.replace(f"{{{name}}}", str(value))
        template = template.replace("PLAINTEXT://127.0.0.1", f"{self._protocol}://127.0.0.1") + self._secured()
        properties = self._folder / "server.properties"
        properties.touch(mode=0o600)
        properties.write_text(template)
        return properties

    def _own_settings(self) -> Sequence[str]:
        """What this broker has beside the template's; later lines replace earlier ones."""
        return ()

    def _secured(self) -> str:
        """What the listener asks for; later lines replace earlier ones."""
        lines = [
            *self._own_settings(),
            f"listener.security.protocol.map={self._protocol}:{self._protocol},CONTROLLER:PLAINTEXT",
            f"inter.broker.listener.name={self._protocol}",
        ]
        if self._users:
            lines += _asking_for(self._users, self._protocol)
        if self._certificate is not None:
            both = self._folder / "broker.pem"
            both.touch(mode=0o600)
            both.write_text(self._certificate.key.read_text() + self._certificate.certificate.read_text())
            lines += ["ssl.keystore.type=PEM", f"ssl.keystore.location={both}"]
            lines += ["ssl.truststore.type=PEM", f"ssl.truststore.location={self._certificate.authority}"]
        return "\n".join(("", *lines, ""))

    def _format(self, java: str, classpath: str, properties: Path) -> None:
        if (self._folder / "data" / "meta.properties").exists():
            return
        command = [java, "-Xmx128m", "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        scram = [
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for mechanism in SCRAM
            for name, password in self._users.items()
        ]
        result = subprocess.run(
            [*command, "-c", str(properties), *scram], capture_output=True, timeout=FORMAT_SECONDS, check=False
        )
        if result.returncode != 0:
            raise ConfigurationError(f"the local Kafka broker's folder {self._folder} could not be prepared")

    def _wait(self) -> None:
        log = self._log
        deadline = self._clock.monotonic() + START_SECONDS
        while not (STARTED_LINE.encode() in log.read_bytes() and self._answers()):
            if self._process is None or self._process.poll() is not None:
                raise ConfigurationError(f"the local Kafka broker ended while starting: {_last_error(log)} ({log})")
            if self._clock.monotonic() > deadline:
                raise TransientError(f"the local Kafka broker did not answer within {START_SECONDS:.0f} s; see {log}")
            self._clock.sleep(LOOK_SECONDS)

    def _client_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"bootstrap_servers": self.bootstrap_servers, "security_protocol": self._protocol}
        if self._users:
            settings |= {"sasl_mechanism": "PLAIN"}
            settings |= {"sasl_plain_username": ADMIN, "sasl_plain_password": self._users[ADMIN]}
        if self._certificate is not None:
            settings |= {"ssl_cafile": str(self._certificate.authority)}
        return settings

    def _answers(self) -> bool:
        try:
            admin = KafkaAdminClient(**self._client_settings(), bootstrap_timeout_ms=2000)
        except KafkaError:
            return False
        try:
            return bool(admin.describe_cluster()["brokers"])
        except KafkaError:
            return False
        finally:
            admin.close()


def _asking_for(users: Mapping[str, str], protocol: str) -> Sequence[str]:
    """SASL for everybody but the controller, and an authorizer."""
    known = " ".join(f'user_{name}="{password}"' for name, password in users.items())
    login = f'required username="{ADMIN}" password="{users[ADMIN]}"'
    modules = "org.apache.kafka.common.security"
    listener = f"listener.name.{protocol.lower()}"
    return (
        f"sasl.enabled.mechanisms={','.join(('PLAIN', *SCRAM))}",
        "sasl.mechanism.inter.broker.protocol=PLAIN",
        f"{listener}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule {login} {known};",
        *(f"{listener}.{one.lower()}.sasl.jaas.config={modules}.scram.ScramLoginModule {login};" for one in SCRAM),
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        f"super.users=User:{ADMIN};User:ANONYMOUS",  # the controller's own listener alone lets anybody in without a name
    )


def _last_error(log: Path) -> str:
    """What went wrong, as far as one line of the log tells: its folder may be gone when somebody reads this."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if "ERROR" in line or "Exception" in line]
    return (told or lines or ["it said nothing"])[-1][:300]


def _ports(folder: Path) -> tuple[int, int]:
    """Return the two ports that the folder's configuration names, or two that are free now."""
    with_listeners = folder / "server.properties"
    if with_listeners.exists():
        line = next(line for line in with_listeners.read_text().splitlines() if line.startswith("listeners="))
        port, controller_port = (int(address.rpartition(":")[2]) for address in line.split(","))
        return port, controller_port
    port, controller_port = free_ports(2)
    return port, controller_port
