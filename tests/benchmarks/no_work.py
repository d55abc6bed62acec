"""The yardstick of the receiver: a Flask application that answers 200 and does nothing else."""

from flask import Flask
from flask.typing import ResponseReturnValue

app = Flask(__name__)


@app.post("/webhooks/zoom")
def answer() -> ResponseReturnValue:
    """Answer, without reading what was sent."""
    return "", 200
