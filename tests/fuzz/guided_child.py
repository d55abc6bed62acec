"""One reader under atheris: `python -m tests.fuzz.guided_child TARGET [options of libFuzzer]`."""

import sys

import atheris

with atheris.instrument_imports(include=["infra", "processors", "schemas", "webhook_receiver"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
