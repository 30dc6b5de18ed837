"""A client that works all the while: it logs in to Tryton, reads and writes parties, and holds every answer to account.

It speaks to the facade as if it were Tryton and is told nothing of cutovers. A call that is answered 503 with Retry-After
is repeated, as an HTTP client should; everything else that isn't an answer is a failure.

    python -m examples.tryton.client http://127.0.0.1:8080/tryton --password … --seconds 30
"""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import click

from examples.tryton.erp import NAMES
from examples.tryton.rpc import Fault, Rejected, Session
from examples.tryton.tally import Tally

FIELDS: Final = ["name", "code", "active", "rec_name", "create_date", "write_date"]
COUNTED: Final = [["code", "ilike", "1%"]]
"""Parties whose number doesn't change: nobody removes or deactivates these, and new codes begin otherwise."""
PATIENCE: Final = 5.0
"""Seconds within which a write must be seen by the one who wrote it."""
FENCED: Final = 60.0
"""Seconds for which a call is repeated while it is answered 503 with Retry-After."""
PAGE: Final = 200


class Failed(Exception):
    """The call failed; the tally has it already."""


class Party(NamedTuple):
    """What the client knows of a party that it wrote; None in its place stands for one that it removed."""

    name: str | None
    active: bool = True


class Clerk:
    """Works at several workplaces (sessions) in turn, on parties that no other clerk writes.

    `settled` are parties that nobody writes, with the values that they must keep; `own` may be renamed by this clerk;
    `counted` is how many `COUNTED` finds; `pace` is in seconds for one action.
    """

    def __init__(
        self, number: int, sessions: Sequence[Session], settled: dict[int, dict[str, Any]], own: Sequence[int],
        counted: int, tally: Tally, pace: float,
    ) -> None:  # fmt: skip
        self._name = f"clerk {number}"
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._sessions = sessions
        self._turn = itertools.cycle(sessions)
        self._settled, self._own = settled, list(own)
        self._counted, self._tally, self._pace = counted, tally, pace
        self._random = random.Random(number)
        self._serial = itertools.count(1)
        self._created: list[int] = []
        self._ended = threading.Event()
        self.written: dict[int, Party | None] = {}

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Finish what is under way; then every party that was written must be as it was left."""
        self._ended.set()
        self._thread.join()
        self._verify()
        for session in self._sessions:
            session.close()

    def _work(self) -> None:
        actions: dict[Callable[[Session], None], int] = {
            self._read: 50, self._search: 15, self._count: 5,
            self._rename: 15, self._create: 10, self._deactivate: 2, self._remove: 3,
        }  # fmt: skip
        while not self._ended.is_set():
            started = time.monotonic()
            (action,) = self._random.choices(list(actions), list(actions.values()))
            try:
                action(next(self._turn))
            except Failed:
                pass
            except Exception as error:  # noqa: BLE001  # a clerk that stops working would hide all later failures
                self._tally.fail(action.__name__, f"{type(error).__name__}: {error}")
            self._ended.wait(max(0.0, self._pace - (time.monotonic() - started)))

    def _read(self, session: Session) -> None:
        ids = self._random.sample(list(self._settled), k=self._random.randint(1, 20))
        found = {row["id"]: row for row in self._call("read", session, "read", ids, FIELDS)}
        for id in ids:
            if found.get(id) != self._settled[id]:
                self._wrong("read", f"party {id} should be {self._settled[id]}, is {found.get(id)}")

    def _search(self, session: Session) -> None:
        word = self._random.choice(NAMES).split()[0].strip("%,")
        domain = [["name", "ilike", f"%{word}%"]]
        rows = self._call("search", session, "search_read", domain, 0, 20, [["id", "ASC"]], FIELDS)
        ids = [row["id"] for row in rows]
        if ids != sorted(ids) or not all(word.lower() in row["name"].lower() for row in rows):
            self._wrong("search", f"{word!r} found {rows}")

    def _count(self, session: Session) -> None:
        count = self._call("count", session, "search_count", COUNTED)
        if count != self._counted:
            self._wrong("count", f"{COUNTED} should be {self._counted}, is {count}")

    def _create(self, session: Session) -> None:
        name = self._new_name()
        (id,) = self._call("create", session, "create", [{"name": name}])
        self._created.append(id)
        self._expect(session, id, Party(name))

    def _rename(self, session: Session) -> None:
        id = self._random.choice(self._own + self._created)
        name = self._new_name()
        self._call("write", session, "write", [id], {"name": name})
        self._expect(session, id, Party(name))

    def _deactivate(self, session: Session) -> None:
        if self._created:
            id = self._take()
            self._call("write", session, "write", [id], {"active": False})
            before = self.written[id]
            self._expect(session, id, Party(before.name if before else None, active=False))

    def _remove(self, session: Session) -> None:
        if self._created:
            id = self._take()
            self._call("delete", session, "delete", [id])
            self._expect(session, id, None)

    def _take(self) -> int:
        return self._created.pop(self._random.randrange(len(self._created)))

    def _new_name(self) -> str:
        return f"{self._random.choice(NAMES)} · {self._name} · {next(self._serial)}"

    def _expect(self, session: Session, id: int, party: Party | None) -> None:
        """Remember what was written and read it back until it is seen."""
        self.written[id] = party
        started = time.monotonic()
        seen = self._look(session, [id]).get(id)
        if seen == party:
            return
        while seen != party:
            if time.monotonic() - started > PATIENCE:
                self._wrong("write", f"party {id} should be {party} after {PATIENCE:.0f} s, is {seen}")
            time.sleep(0.1)
            seen = self._look(session, [id]).get(id)
        self._tally.wait(time.monotonic() - started)

    def _look(self, session: Session, ids: list[int]) -> dict[int, Party]:
        """Those of the parties that are there, whether active or not."""
        domain = [["id", "in", ids], ["active", "in", [True, False]]]
        rows = self._call("look", session, "search_read", domain, 0, len(ids), [["id", "ASC"]], FIELDS)
        return {row["id"]: Party(row["name"], row["active"]) for row in rows}

    def _verify(self) -> None:
        session = self._sessions[0]
        for ids in _pages(sorted(self.written)):
            try:
                found = self._look(session, ids)
            except Failed:
                continue
            for id in ids:
                if found.get(id) != self.written[id]:
                    self._tally.fail("verify", f"party {id} should be {self.written[id]}, is {found.get(id)}")

    def _call(self, kind: str, session: Session, method: str, *arguments: Any) -> Any:
        deadline = time.monotonic() + FENCED
        while True:
            started = time.monotonic()
            try:
                result = session.model(f"party.party.{method}", *arguments)
            except Rejected as error:
                if error.status == 503 and error.retry_after is not None and started < deadline:
                    self._tally.repeat()
                    time.sleep(error.retry_after)
                    continue
                self._wrong(kind, str(error))
            except (Fault, OSError, http.client.HTTPException) as error:
                self._wrong(kind, f"{type(error).__name__}: {error}")
            else:
                self._tally.succeed(kind, time.monotonic() - started)
                return result

    def _wrong(self, kind: str, why: str) -> None:
        self._tally.fail(kind, f"{self._name}: {why}")
        raise Failed


class Client:
    """Several clerks at many workplaces, `rate` actions a second in all.

    `url` is the database's behind the facade, e.g. `http://127.0.0.1:8080/tryton`.
    """

    def __init__(
        self, url: str, user: str, password: str, *, clerks: int = 4, workplaces: int = 50, rate: float = 40
    ) -> None:
        self.tally = Tally()
        with ThreadPoolExecutor(clerks) as pool:
            sessions = list(pool.map(lambda _: _logged_in(url, user, password), range(workplaces)))
        parties = _all_parties(sessions[0])
        settled = {id: row for id, row in parties.items() if id % 2}
        # Tryton refuses to rename an inactive party.
        others = [id for id, row in parties.items() if not id % 2 and row["active"]]
        counted = sessions[0].model("party.party.search_count", COUNTED)
        self._clerks = [
            Clerk(n, sessions[n::clerks], settled, others[n::clerks], counted, self.tally, clerks / rate)
            for n in range(clerks)
        ]

    def start(self) -> None:
        for clerk in self._clerks:
            clerk.start()

    def stop(self) -> Tally:
        """End the work, verify every party that was written, and give the tally."""
        for clerk in self._clerks:
            clerk.end()
        return self.tally

    @property
    def written(self) -> dict[int, Party | None]:
        """Every party that was written, as it was left."""
        return {id: party for clerk in self._clerks for id, party in list(clerk.written.items())}


def _logged_in(url: str, user: str, password: str) -> Session:
    session = Session(url)
    session.login(user, password)
    return session


def _all_parties(session: Session) -> dict[int, dict[str, Any]]:
    """Every party there is, read as a client does: page by page."""
    domain, order = [["active", "in", [True, False]]], [["id", "ASC"]]
    found: dict[int, dict[str, Any]] = {}
    for offset in itertools.count(0, PAGE):
        rows = session.model("party.party.search_read", domain, offset, PAGE, order, FIELDS)
        found |= {row["id"]: row for row in rows}
        if len(rows) < PAGE:
            break
    return found


def _pages(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]


@click.command()
@click.argument("url")
@click.option("--user", default="admin", show_default=True)
@click.option("--password", required=True)
@click.option("--seconds", type=float, default=30, show_default=True)
def main(url: str, user: str, password: str, seconds: float) -> None:
    """Work against URL for a while and print the tally; exit 1 when anything failed."""
    client = Client(url, user, password)
    client.start()
    time.sleep(seconds)
    client.stop().tell_and_exit()


if __name__ == "__main__":
    main()
