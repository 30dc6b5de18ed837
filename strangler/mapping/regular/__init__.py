"""Regular expressions as far as Python, PostgreSQL, MariaDB and MySQL read them alike, to the byte.

    pattern = parse("^0+[A-Z]{2}")       # what isn't in the language raises WrongPattern, with its place
    written(pattern, POSTGRES)           # the same for each engine, everything about which they differ written out

Whether a text matches is then the same everywhere. Where a match ends is so only where no two ways lead on from one place:
`ends_alike` says that, and replacing asks for it. Engines that go back and try again may give up; `longest` says before which
length of a text none does.
"""

from strangler.mapping.regular.choices import ends_alike, longest
from strangler.mapping.regular.parsing import parse
from strangler.mapping.regular.tree import Pattern, WrongPattern, can_be_empty
from strangler.mapping.regular.writing import BACKTRACKING, POSTGRES, PYTHON, written

__all__ = [
    "BACKTRACKING",
    "POSTGRES",
    "PYTHON",
    "Pattern",
    "WrongPattern",
    "can_be_empty",
    "ends_alike",
    "longest",
    "parse",
    "written",
]
