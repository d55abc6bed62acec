"""What Zoom forgot to tell us: ask it, compare with the log, the database and the bucket, and bring what is missing.

`run.reconcile` does it in steps: Zoom's webhook log, past meetings, recordings of our hosts, objects in the archive.
"""
