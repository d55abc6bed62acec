"""`python -m infra.zoom.simulator`."""

from infra.zoom.simulator.cli import main

main()
