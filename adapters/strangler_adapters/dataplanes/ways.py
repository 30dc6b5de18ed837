"""Ways: what may become of a call, under names that a proxy's tables can hold. What nginx and HAProxy have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strangler.planes.plane import COMPARER, FACADE, LEGACY, Action, Plane, Refuse, Rule, Split, To, Upstream

SAFE: Final = ("GET", "HEAD", "OPTIONS")
"""Methods with which a call that no route names may be sent again."""

REPLACED: Final = (
    *("Forwarded", "X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Server"),
    *("X-Strangler-Shadow", "X-Strangler-Mirror", "Proxy-Authorization", "Proxy-Connection"),
)
"""Headers of the caller's that don't go on; what says where a call came from is written anew."""

OVERRIDES: Final = ("x-http-method-override", "x-http-method", "x-method-override")
"""Headers by which some servers take a POST for another method."""

UNCLEAR_NOTE: Final = (
    "What servers may read in several ways (in a path %2F, %5C, %25, a semicolon or a backslash; what a route looks at when it comes "
    "twice; another method in a header of a POST) goes to the facade; where there is none to legacy as long as that owns everything, and "
    "is refused from then on."
)

BAD: Final = "refuse/bad"

WORSE: Final = Refuse(400, "servers read the path differently")
"""What becomes of it."""


class Ways:
    """The ways of one plane: `read/…` may be sent again, `write/…` is sent once, `mirror/SHARE/…` is a read of which the comparer gets a
    copy, `refuse/…` is answered by the proxy, `split/FUNCTION` is one of two by the caller's bucket.

    `alike` says of two upstreams whether this proxy can put one in the other's place while a call is under way.
    """

    def __init__(self, plane: Plane, alike: Callable[[Upstream, Upstream], bool]) -> None:
        self.plane, self._alike = plane, alike
        self.targets: dict[str, To] = {"read/legacy": To(LEGACY), "write/legacy": To(LEGACY)}
        self.splits: dict[str, tuple[Split, str, str]] = {}
        self._refusals: dict[Refuse, str] = {}
        self.notes: list[str] = []
        self.refused = {BAD: WORSE}
        self.unclear = self._action(plane.unclear, once=True)
        self._of = {rule: self._action(rule.action, rule.route.kind == "write") for rule in plane.rules}

    def of(self, rule: Rule) -> str:
        """The way of a rule."""
        return self._of[rule]

    def meaning(self, rule: Rule | None, method: str) -> str:
        """The way of a call that the rule takes, None for no rule."""
        if rule is None:
            return "read/legacy" if method in SAFE else "write/legacy"
        return self._of[rule]

    def _action(self, action: Action, once: bool) -> str:
        match action:
            case Refuse() as refuse:
                way = self._refusals.setdefault(refuse, f"refuse/{len(self._refusals)}")
                self.refused[way] = refuse
                return way
            case Split(function=function) as split:
                self.splits[function] = split, self._read(split.inside), self._read(split.outside)
                return f"split/{function}"
            case To() as to if once or to.upstream == FACADE:
                # What the facade is to decide may be a write, whatever the route calls it.
                self.targets[f"write/{to.upstream}"] = to
                return f"write/{to.upstream}"
            case To() as to:
                return self._read(to)

    def _read(self, to: To) -> str:
        way = f"mirror/{to.mirrored:g}/{to.upstream}" if to.mirrored else f"read/{to.upstream}"
        if to.fallback is not None and self._backed(to, to.fallback):
            way += f"_or_{to.fallback}"
        self.targets[way] = to
        return way

    def _backed(self, to: To, fallback: str) -> bool:
        if self._alike(self.plane.upstreams[to.upstream], self.plane.upstreams[fallback]):
            return True
        note = f"{to.upstream}: {fallback} doesn't stand in for it when it is dead, since their URLs are too unlike"
        if note not in self.notes:
            self.notes.append(note)
        return False

    @property
    def shares(self) -> list[float]:
        """The shares of reads that are mirrored, each once."""
        return list(dict.fromkeys(to.mirrored for to in self.targets.values() if to.mirrored))

    @property
    def mirrors(self) -> bool:
        return bool(self.shares) and COMPARER in self.plane.upstreams


DOTS: Final = r"(?:/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:/|\\|;|%2f|%5c|%3b|\?|$)"
BROKEN: Final = r"%(?![0-9a-f]{2})|%[01][0-9a-f]|%7f|[^!-~]"
"""Paths that everybody refuses, as regular expressions that know no case: dot segments, and what encodes nothing or can't be shown."""


def odd(plane: Plane) -> str:
    """Paths that servers read in several ways, as a regular expression that knows no case."""
    folded = "|%[89a-f][0-9a-f]" if plane.ignore_case else ""
    return rf"%2f|%5c|%3b|%25[0-9a-f]{{2}}|\\|;|#{folded}"


def server_of(way: str) -> str:
    """The upstream that a way names, or the two of which one stands in for the other."""
    return way.rpartition("/")[2]
