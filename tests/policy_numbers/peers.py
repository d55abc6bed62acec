"""Ask a peer: in a Python of its own (.venv-peers), so that its dependencies stay out of ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.policy_numbers.sources import ROOT

_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
_SECONDS = 600  # for 40,000 utterances; more is not a peer to wait for


class PeerMissing(Exception):
    """The peer is not installed, or does not work here; the text says so in one sentence."""


def ask(peer: str, texts: list[str]) -> list[Any]:
    """Return the peer's answer to each text.

    Raises:
        PeerMissing: there is no such peer here.
    """
    if not _PYTHON.exists():
        raise PeerMissing("not installed: requirements-peers.lock could not be")
    child = [str(_PYTHON), str(Path(__file__).with_name("peer_child.py")), peer]
    try:
        done = subprocess.run(
            child, input=json.dumps(texts).encode(), capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PeerMissing(f"gave no answer in {_SECONDS} s") from error
    if done.returncode:
        raise PeerMissing(f"does not work here: {done.stderr.decode(errors='replace').strip().splitlines()[-1][:120]}")
    answers: list[Any] = json.loads(done.stdout)
    return answers
