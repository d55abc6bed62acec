"""What a field means, kept where the field is declared: the published documents say it."""


def meaning(text: str) -> dict[str, str]:
    """Return the metadata of a marshmallow field that carries its description into the generated documents."""
    return {"description": text}
