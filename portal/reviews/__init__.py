"""The review queue: analysts look into flagged and reported calls, and decide."""
