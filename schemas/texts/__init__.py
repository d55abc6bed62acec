"""What was said and written in a call: reading the files, and masking the personal data in them. Pure, for any program.

The event schemas need nothing of it: a subscriber who validates events installs none of its libraries.
"""
