"""People: who decides, by which proof, and how the ledger names them. Pure.

A name on the ledger tells by its end what vouches for it: `ada (token 1f2e3d4c)`, `ada (OIDC)`, or `ada@office (claimed)`, for which nobody
does. Processes of our own have no such end: `worker`, `guard`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from strangler.roles import Action, Role, allows

CLAIMED: Final = "claimed"
"""What stands for the proof of a name that anybody may have written."""

ISSUED: Final = "OIDC"
"""What stands for the proof of a name that an issuer gives."""

_LONGEST: Final = 80
"""Characters of a name on the ledger, so that there is room for its proof."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is let in. `by` says how: `token 1f2e3d4c`, `OIDC`, or `claimed`."""

    name: str
    roles: tuple[Role, ...]
    by: str

    @property
    def actor(self) -> str:
        """How the ledger names who decided."""
        return f"{self.name[:_LONGEST]} ({self.by})"

    @property
    def proven(self) -> bool:
        """Whether anybody vouches for the name."""
        return self.by != CLAIMED

    def may(self, action: Action) -> bool:
        """Whether one of the roles is enough for it."""
        return any(allows(role, action) for role in self.roles)


def claimed(name: str) -> Person:
    """Somebody for whom nobody vouches, where nobody has access yet: whoever can write to the control store may do everything."""
    return Person(name, tuple(Role), CLAIMED)


def is_claimed(actor: str) -> bool:
    """Whether the ledger's name of an actor is only a claim."""
    return actor.endswith(f" ({CLAIMED})")


def by_issuer(actor: str) -> bool:
    """Whether an issuer of tokens vouches for the ledger's name of an actor."""
    return actor.endswith(f" ({ISSUED})")


def same(one: str, other: str) -> bool:
    """Whether two names, of people or of actors on the ledger, may be those of one person. In doubt they are: whoever could be told from
    themselves by a spelling could approve what they move.

    Case, blanks, what nobody sees, and letters that look like Latin ones make no difference, nor does the proof. `eva` is
    `eva@example.com`; two names with a domain are one only if that is the same, unless it is a machine's, as of names that are only
    claimed. Of names that the ledger cuts off it counts what is left.
    """
    if not (one and other):
        return False
    left, right = _name(one), _name(other)
    here, there = _plain(left), _plain(right)
    if max(len(left), len(right)) >= _LONGEST:
        return here.startswith(there) or there.startswith(here)
    (name, _, domain), (beside, _, elsewhere) = here.partition("@"), there.partition("@")
    machines = is_claimed(one) or is_claimed(other)
    return name == beside and (machines or not (domain and elsewhere) or domain == elsewhere)


_PROOF: Final = re.compile(rf" \((?:token [0-9a-f]{{8}}|{ISSUED}|{CLAIMED})\)\Z")

_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that show nothing, beside those of the categories of control, format and blank."""

_ALIKE: Final = str.maketrans("аеорсухіјѕԁһԛԝвкмнтαορνεικχυτβημζı", "aeopcyxijsdhqwbkmhtaopveikxutbhmzi")
"""Cyrillic and Greek letters that look like Latin ones, small or capital."""


def _name(actor: str) -> str:
    """The name without its proof, as far as the ledger has it."""
    return _PROOF.sub("", actor)[:_LONGEST]


def _plain(name: str) -> str:
    """What a name has in common with everything that looks like it."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(filter(_is_seen, folded)).translate(_ALIKE)


def _is_seen(character: str) -> bool:
    blank = character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Cn", "Zs")
    return not blank and character not in _UNSEEN and not "\ufe00" <= character <= "\ufe0f"
