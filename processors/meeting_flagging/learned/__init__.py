"""The learned detector: what people mean, found by likeness to the project's own labelled lines.

`words` cuts a text, `concepts` says what its words have in common, `vectors` where they lie among other words, `features`
counts all three, `model` weighs them, `detector` makes findings of it; `training` builds the model from the corpus.
"""
