"""`python -m tests.fuzz.guided`: the same readers for longer, each guided by what its code does with the bytes (atheris).

atheris has wheels for Linux on x86-64 alone; `make fuzz-long` installs it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tests.fuzz.seeds import FOUND, SEEDS

FOLDER = Path("var/fuzz")  # where cases that break a reader are left, one file each
LONGEST_BYTES = 8192  # of a case
SLOWEST_SECONDS = 20  # for one case; the receiver's own limits are far below


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="How long to try, all readers together.")
@click.option("--target", "only", type=click.Choice(sorted(SEEDS)), help="Only this reader.")
def main(seconds: float, only: str | None) -> None:
    """Fuzz everything that parses foreign bytes, guided by coverage. Exit code 1 when something broke."""
    names = [only] if only else list(SEEDS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    broken = [name for name in names if not _try(name, max(1, int(seconds / len(names))))]
    for name in broken:
        click.echo(f"{name} broke: add the bytes of {FOLDER}/{name}-crash-… to FOUND of tests/fuzz/seeds.py")
    if broken:
        sys.exit(1)
    click.echo(f"{len(names)} readers tried, none broke")


def _try(name: str, seconds: int) -> bool:
    """Run the guided child for one reader, beginning with what is known of it; False when it broke."""
    with tempfile.TemporaryDirectory() as corpus:
        _write_seeds(name, Path(corpus))
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES}", f"-timeout={SLOWEST_SECONDS}"]
        options += ["-verbosity=0", f"-artifact_prefix={FOLDER}/{name}-"]
        child = [sys.executable, "-m", "tests.fuzz.guided_child", name, *options, corpus]
        done = subprocess.run(child, capture_output=True, text=True, check=False)
    click.echo(f"  {name:16} {seconds} s" if done.returncode == 0 else done.stdout + done.stderr)
    return done.returncode == 0


def _write_seeds(name: str, folder: Path) -> None:
    seeds = SEEDS[name]
    for number, data in enumerate((*seeds.bodies, *seeds.texts, *FOUND.get(name, ()))):
        (folder / str(number)).write_bytes(data)


if __name__ == "__main__":
    main(prog_name="python -m tests.fuzz.guided")
