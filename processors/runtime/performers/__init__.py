"""Performers: one per kind of command, each a thin bridge to a port."""

from processors.runtime.performers.base import Performer

__all__ = ["Performer"]
