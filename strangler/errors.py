"""Every error that Strangler raises on purpose. One sentence each; a foreign error is translated at the edge.

StranglerError
├── ConfigurationError   the configuration is wrong: all problems at once
├── Unavailable          something outside doesn't answer now; trying again may help
├── SourceError          the legacy database can't be read as asked
│   └── SourceLost       what was remembered of the source is gone: a gap would be silent
├── MappingError         an expression is wrong or can't be compiled
├── StoreError           a store, the log or the control store refused
├── Refused              the user asked for what the state doesn't allow
├── Untranslatable       one row can't be translated (caught by the boundary, never shown as it is)
└── UntranslatableRequest  one call can't be put to the new service (caught by the facade)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command says to its caller. `reconcile` gives 1 for drift and 2 for could not check."""

    OK = 0
    FAILED = 1
    """It was tried and didn't succeed, or the state refuses it; for `reconcile`: drift."""
    UNUSABLE = 2
    """Wrong usage or configuration, or what is needed isn't there; for `reconcile`: could not check."""
    INCOMPLETE = 3
    """It was stopped half way, and can be gone on with; for `reconcile` alone."""


class StranglerError(Exception):
    """The root. `what` happened and where, `why`, and what to `do` about it."""

    exit_code = ExitCode.UNUSABLE

    def __init__(self, what: str, *, why: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.do = what, why, do

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"  why: {self.why}")
        if self.do:
            parts.append(f"  do:  {self.do}")
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration file. `path` is dotted: `functions.party.entities.party.table`."""

    file: str
    line: int | None
    path: str
    what: str
    instead: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{where}: {self.path}: {self.what}" if self.path else f"{where}: {self.what}"
        return f"{text}\n    fix: {self.instead}" if self.instead else text


class ConfigurationError(StranglerError):
    """The configuration is wrong; carries every problem that was found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class Unavailable(StranglerError):
    """Something outside (a database, a broker, an upstream) doesn't answer now; trying again may help."""


class SourceError(StranglerError):
    """The legacy database can't be read as asked: a missing privilege, table, key or setting."""


class SourceLost(SourceError):
    """The slot or journal isn't the one that is remembered, so changes may be missing between then and now."""


class MappingError(StranglerError):
    """An expression doesn't parse, names what isn't there, or uses what the language doesn't have; carries every problem."""

    problems: list[Problem]

    @classmethod
    def of(cls, problems: list[Problem]) -> MappingError:
        """All of these at once. Their `file` is empty: the mapping knows paths, not files."""
        error = cls("\n".join(str(replace(p, file="mapping")) for p in problems))
        error.problems = problems
        return error


class StoreError(StranglerError):
    """A store, the event log or the control store refused to do what was asked."""


class Refused(StranglerError):
    """The state doesn't allow what was asked; nothing was changed."""

    exit_code = ExitCode.FAILED


class Untranslatable(StranglerError):
    """A row that the mapping can't translate. The boundary puts it into quarantine; nothing else sees this."""


class UntranslatableRequest(StranglerError):
    """A call that can't be put to the new service: a field, condition or option that its contract doesn't have."""
