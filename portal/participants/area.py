"""Everything for the two people of a call, put together: pages, recordings and reports share one gate."""

from flask import Flask

from portal.participants import views as pages
from portal.participants.gate import Gate
from portal.participants.sessions import Sessions
from portal.ports import Ports
from portal.recordings import views as recordings
from portal.recordings.links import Links
from portal.reports import views as report_views
from portal.reports.reports import Reports


def register(app: Flask, ports: Ports) -> None:
    """Add the pages and requests of participants to the application."""
    sessions = Sessions(ports.engine, ports.audit, ports.clock)
    gate = Gate(
        ports.engine, ports.tokens, sessions, ports.audit, ports.clock, https=ports.public_url.startswith("https://")
    )
    links = Links(ports.store, ports.audit, ports.clock)
    reports = Reports(ports.engine, ports.producer, ports.audit, ports.clock)
    app.register_blueprint(recordings.blueprint(ports, gate, sessions, links))
    app.register_blueprint(report_views.blueprint(gate, reports))
    app.register_blueprint(pages.blueprint(ports, gate, sessions, links, reports))
