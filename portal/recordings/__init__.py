"""What the participants of a call may know of it, and how they watch it."""
