"""The processors' database: what was decided, what is to be done, what was archived."""
