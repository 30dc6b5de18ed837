"""Settings: what `strangler.yaml` says, as typed, frozen models with sensible defaults.

Every field has its meaning, unit and default with the reason for it in its description; the same texts are in the
JSON Schema. Loading, interpolation and the wording of errors are in `strangler.configuration`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from strangler.settings.access import Admin as Admin
from strangler.settings.access import EdgeIdentity as EdgeIdentity
from strangler.settings.access import Sessions as Sessions
from strangler.settings.access import Signing as Signing
from strangler.settings.answering import Overrides as Overrides
from strangler.settings.answering import ReadYourWrites as ReadYourWrites
from strangler.settings.codes import CodeMap as CodeMap
from strangler.settings.codes import Meaning as Meaning
from strangler.settings.codes import PythonCall as PythonCall
from strangler.settings.codes import TypeName as TypeName
from strangler.settings.entities import Check as Check
from strangler.settings.entities import CheckedSide as CheckedSide
from strangler.settings.entities import Children as Children
from strangler.settings.entities import Entity as Entity
from strangler.settings.entities import EntityField as EntityField
from strangler.settings.entities import EventName as EventName
from strangler.settings.entities import EventNames as EventNames
from strangler.settings.entities import Events as Events
from strangler.settings.entities import Fields as Fields
from strangler.settings.entities import Ignored as Ignored
from strangler.settings.entities import Join as Join
from strangler.settings.entities import Joins as Joins
from strangler.settings.entities import Key as Key
from strangler.settings.entities import Scalar as Scalar
from strangler.settings.entities import Severity as Severity
from strangler.settings.entities import Tolerance as Tolerance
from strangler.settings.entities import named_parts as named_parts
from strangler.settings.entities import part_names as part_names
from strangler.settings.facade import Facade as Facade
from strangler.settings.facade import Sticky as Sticky
from strangler.settings.functions import Balance as Balance
from strangler.settings.functions import BalanceTolerance as BalanceTolerance
from strangler.settings.functions import Expressions as Expressions
from strangler.settings.functions import Function as Function
from strangler.settings.functions import Quarantine as Quarantine
from strangler.settings.functions import Schedule as Schedule
from strangler.settings.functions import ended_tolerances as ended_tolerances
from strangler.settings.gates import CustomGate as CustomGate
from strangler.settings.gates import DriftGate as DriftGate
from strangler.settings.gates import EffectsGate as EffectsGate
from strangler.settings.gates import ErrorsGate as ErrorsGate
from strangler.settings.gates import FreshnessGate as FreshnessGate
from strangler.settings.gates import Gates as Gates
from strangler.settings.gates import LagGate as LagGate
from strangler.settings.gates import LatencyGate as LatencyGate
from strangler.settings.gates import LateWritesGate as LateWritesGate
from strangler.settings.gates import QualityGate as QualityGate
from strangler.settings.gates import QuarantineGate as QuarantineGate
from strangler.settings.gates import ShadowGate as ShadowGate
from strangler.settings.gates import WayBackGate as WayBackGate
from strangler.settings.guards import Guard as Guard
from strangler.settings.observability import AccessLog as AccessLog
from strangler.settings.observability import Traces as Traces
from strangler.settings.resilience import Breaker as Breaker
from strangler.settings.resilience import Budget as Budget
from strangler.settings.resilience import Limits as Limits
from strangler.settings.returning import Api as Api
from strangler.settings.returning import Request as Request
from strangler.settings.returning import Requests as Requests
from strangler.settings.routes import CohortOf as CohortOf
from strangler.settings.routes import Cohorts as Cohorts
from strangler.settings.routes import Created as Created
from strangler.settings.routes import Documents as Documents
from strangler.settings.routes import Match as Match
from strangler.settings.routes import Place as Place
from strangler.settings.routes import Protocol as Protocol
from strangler.settings.routes import Route as Route
from strangler.settings.routes import Service as Service
from strangler.settings.section import Duration as Duration
from strangler.settings.section import Name as Name
from strangler.settings.section import Section as Section
from strangler.settings.section import Share as Share
from strangler.settings.section import Words as Words
from strangler.settings.shadow import FunctionShadow as FunctionShadow
from strangler.settings.shadow import Shadow as Shadow
from strangler.settings.shadow import ShadowRule as ShadowRule
from strangler.settings.shadow import ended_rules as ended_rules
from strangler.settings.shadow import shadow_of as shadow_of
from strangler.settings.sources import Database as Database
from strangler.settings.sources import Log as Log
from strangler.settings.sources import Source as Source
from strangler.settings.steps import Approve as Approve
from strangler.settings.steps import Freeze as Freeze
from strangler.settings.steps import Step as Step
from strangler.settings.steps import Window as Window
from strangler.settings.steps import steps_of as steps_of
from strangler.settings.switching import Counter as Counter
from strangler.settings.switching import Fence as Fence
from strangler.settings.switching import Numbers as Numbers
from strangler.settings.switching import Retire as Retire


class Console(Section):
    """The page and API that tell how the migration stands; they change nothing."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; local by default, since there is no log-in yet."
    )
    port: int = Field(8081, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")


class Cutover(Section):
    """How a switch of owners behaves."""

    time_limit: Duration = Field(
        timedelta(seconds=30),
        description="Longest time for a switch; past it, before the journal, it undoes itself.",
    )
    retry_after: Duration = Field(timedelta(seconds=1), description="What a fenced write is told to wait.")
    hold_writes: Duration = Field(
        timedelta(milliseconds=500),
        description="How long a fenced write waits in the facade for the fence to be lifted, before it is told so; 0s for not at all.",
    )


class Sync(Section):
    """How changes are moved."""

    batch: int = Field(2000, ge=1, description="Most events in one transaction of log and store.")
    chunk: int = Field(50_000, ge=1, description="Rows of one backfill chunk; a kill repeats at most one.")


class Reconcile(Section):
    """How gently reconciliation reads both databases: in chunks, with a look at how busy they are between any two."""

    chunk_time: Duration = Field(
        timedelta(seconds=0.5),
        description="How long one chunk may take to read: chunks grow and shrink towards it.",
    )
    max_lag: Duration = Field(
        timedelta(seconds=10),
        description="Most that replication may be behind, of a replica that is read, or of those of a PostgreSQL that is read; "
        "beyond it nothing more is asked until it has caught up.",
    )
    max_load: int = Field(
        25,
        ge=1,
        description="Most statements of others that may run on a server; beyond it nothing more is asked until fewer do.",
    )
    patience: Duration = Field(
        timedelta(minutes=1),
        description="Longest wait for the store to pass a position, and for lag or load to come down; then the run "
        "could not check.",
    )


class Quality(Section):
    """How the checks of data are made, and what is kept of them."""

    docs: Path = Field(
        Path("build/quality"),
        description="Folder of the site that shows the runs (Data Docs); relative to the configuration file.",
    )
    events: int = Field(
        1000,
        ge=1,
        description="Events from the end of each stream that are looked at, for the checks on events.",
    )
    samples: int = Field(20, ge=0, le=200, description="Rows that are kept as examples of a failed check.")


class Encryption(Section):
    """Encryption of what is kept of sensitive fields: in the event log, and in quarantine. Needs `pip install strangler[encryption]`."""

    key: Name = Field(description="The one of `keys` that encrypts from now on.")
    keys: dict[Name, SecretStr] = Field(
        min_length=1,
        description="Name → 32 random bytes in base64 (`openssl rand -base64 32`), best as ${VARIABLE}. A key has to stay as long as "
        "something in the log is encrypted by it.",
    )


class Settings(Section):
    """All of `strangler.yaml`."""

    name: Name = Field(
        "strangler", description="Name of this migration; part of the names of slots and publications."
    )
    data_dir: Path = Field(
        Path(".strangler"),
        description="Where SQLite files go; relative to the configuration file; made when missing.",
    )
    time_zone: str = Field(
        "UTC",
        description="The zone in which schedules, windows and freezes are read, by its name in the IANA database: Europe/Berlin.",
    )
    control: Database | None = Field(
        None, description="The control store; by default SQLite in the data directory."
    )
    log: Log = Field(default_factory=lambda: Log())
    sources: dict[Name, Source] = Field(min_length=1)
    stores: dict[Name, Database] = Field(default_factory=dict)
    encryption: Encryption | None = Field(
        None, description="Without it sensitive values are kept as they are; see docs/personal-data.md."
    )
    facade: Facade | None = Field(None, description="Without it only the sync runs.")
    console: Console = Field(default_factory=Console)
    sync: Sync = Field(default_factory=Sync)
    reconcile: Reconcile = Field(default_factory=Reconcile)
    cutover: Cutover = Field(default_factory=Cutover)
    quality: Quality = Field(default_factory=Quality)
    windows: dict[Name, Window] = Field(
        default_factory=dict, description="Times of the week by name, for the `steps` of functions."
    )
    freezes: list[Freeze] = Field(
        default_factory=list,
        description="When nothing moves forwards: `strangler freezes` shows the next ones.",
    )
    code_maps: dict[Name, CodeMap] = Field(
        default_factory=dict, description="Code maps by name, for LOOKUP in expressions."
    )
    python: dict[Name, PythonCall] = Field(
        default_factory=dict, description="Python functions by name, for expressions."
    )
    functions: dict[Name, Function] = Field(min_length=1)
