"""Texts that must not be seen."""


class Secret(str):
    """A text that hides itself wherever texts are shown: in `repr`, `str`, f-strings, `%s` and log lines.

    Comparing, joining, `+` and `.encode()` see the text: that is how it is used. `"Bearer " + token` is a header;
    `f"Bearer {token}"` is not, and the other side refuses it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)
