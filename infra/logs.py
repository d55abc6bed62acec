"""Structured logs: one JSON object a line off a terminal, readable lines on one.

Secrets are not passed in, ever; a `Secret` that is passed in all the same does not show.
"""

import logging
import sys
from typing import Any

import structlog

from infra.secret import Secret

# A traceback with the values of local variables, the default of both, would show records, tokens and names.
_TERMINAL = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))

_OWN = "in_our_form"  # of a log record: its message is a line
_PLAIN = frozenset({str, int, float, bool, type(None)})  # a Secret is a type of its own


def configure(level: str) -> None:
    """Send every log line, the libraries' included, to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
    ]
    terminal = sys.stderr.isatty()
    renderer = _TERMINAL if terminal else structlog.processors.JSONRenderer()
    errors = [] if terminal else [_TRACEBACKS]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, *errors, renderer, _rendered],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)  # libraries speak up only when something is wrong
    for ours in ("webhook_receiver", "processors", "infra"):
        logging.getLogger(ours).setLevel(level)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Brings the libraries' lines into our form; our own are in it before they come to logging, at half the cost."""

    def format(self, record: logging.LogRecord) -> str:
        return record.msg if hasattr(record, _OWN) else super().format(record)


def _rendered(_logger: Any, _method: str, line: Any) -> tuple[tuple[str], dict[str, Any]]:
    return (line,), {"extra": {_OWN: True}}


def _hide_secrets(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """JSON would write a Secret out like any text: it sees a str."""
    return {name: value if type(value) in _PLAIN else _hidden(value) for name, value in event.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, Secret):
        return repr(value)
    if isinstance(value, dict):
        return {_hidden(name): _hidden(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(one) for one in value]
    return value
