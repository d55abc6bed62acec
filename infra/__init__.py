"""The outside world in code: ports, their adapters, settings, logs, metrics, clock, errors."""
