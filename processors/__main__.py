"""`python -m processors`."""

from processors.cli import main

main()
