"""The fault lab: the product under load while its world breaks, and an independent checker of what came out.

    python -m tests.fault_lab broker-killed --seed 3 --seconds 30

A scenario starts the real receiver, log, database, S3 server and processors (`world`), plays simulated Zoom's calls at
them (`load`), breaks something and mends it (`scenarios`), and waits. Then `judge` compares what was answered 2xx with
what `witness` reads on the topics, in the chat and in the bucket. Neither imports product code: what must come out
follows from what the simulated Zoom sent.
"""
