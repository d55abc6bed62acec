#!/bin/sh
# install.sh LOCKFILE: make .venv and install exactly what the lock file names, hashes checked. Says one sentence when it cannot.
set -eu
lock=$1
stop() { echo "error: $1" >&2; exit 1; }

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$(find_python)
    [ -n "$python" ] || stop "Python 3.11 or newer with its venv module is needed and was not found (on Debian: apt-get install python3 python3-venv)."
    rm -rf .venv
    "$python" -m venv .venv || stop "the virtual environment could not be made: is the disk full?"
fi
echo "installing $lock into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" ||
    stop "the packages of $lock could not be installed: see above; PyPI must be reachable and the disk not full."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ||
    stop "the project itself could not be installed: see above."
