"""The receiver as the lab runs it: production's own program, with a clock that the lab can set.

python -m tests.fault_lab.receiver CLOCK_FILE
"""

import sys
from pathlib import Path

from tests.fault_lab.clock import JumpingClock
from webhook_receiver import __main__ as program
from webhook_receiver import wsgi

if __name__ == "__main__":
    path = Path(sys.argv.pop(1))
    wsgi.SystemClock = lambda: JumpingClock(path)  # type: ignore[assignment,misc]
    sys.exit(program.main())
