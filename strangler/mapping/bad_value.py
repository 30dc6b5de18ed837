"""The error inside the mapping's runtime: a value that the expression can't be evaluated for."""


class BadValue(ValueError):
    """A value has no meaning for what is asked of it; the text says which and why. Becomes Untranslatable, or a problem."""


def shown(value: object) -> str:
    """A value as an error message shows it: in quotes, cut when long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]
