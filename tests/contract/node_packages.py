"""Node packages for tests, installed by their lock file outside the project's tree."""

import shutil
import subprocess
from pathlib import Path

from tests.conftest import missing

INSTALL_SECONDS = 110.0  # 3 to 15 s as measured; a cold cache on a slow line takes longer


def installed(package: Path, folder: Path) -> Path:
    """Copy a package to `folder` and run `npm ci` there; skipped by one sentence where that is not possible."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("node or npm is missing: make install-system installs them")
    copy = shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode != 0:
        missing(f"npm ci in {package.name} failed, so the npm registry does not answer or the lock file is wrong")
    return copy
