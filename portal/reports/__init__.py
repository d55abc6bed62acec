"""Reports: a participant tells trust and safety what went wrong in a call."""
