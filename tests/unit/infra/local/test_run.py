"""What `make run` leaves for a person's shell."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from infra.local.run import _write_environment
from infra.secret import Secret


def test_the_environment_file_gives_a_shell_every_setting_when_one_is_a_secret(tmp_path: Path) -> None:
    """A shell that reads the file has the settings as they are, secrets and odd characters included."""
    stack: Any = SimpleNamespace(environment={"AN_URL": "https://a.example/{call_id}", "Z_TOKEN": Secret("it's one")})

    _write_environment(stack, tmp_path / "environment")
    told = subprocess.run(
        ["sh", "-c", '. ./environment; printf "%s|%s" "$AN_URL" "$Z_TOKEN"'],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout == "https://a.example/{call_id}|it's one"
    assert (tmp_path / "environment").stat().st_mode & 0o777 == 0o600
