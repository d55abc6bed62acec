"""The subscriber's contract: everything that is published about the public events, generated from the schemas.

apispec is a development dependency: nothing that runs in production imports this package but its command line does.
"""
