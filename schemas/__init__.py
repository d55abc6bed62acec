"""What messages look like: envelope, identities, topics, Zoom payloads, public events.

Any subscriber may install this package alone: it needs marshmallow and nothing else.
"""
