"""How our HTTP programs are served: granian in one worker process, and a bridge that slow clients cannot hold up."""
