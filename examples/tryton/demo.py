"""The demo: one function of a real ERP moves to a new service, while a client keeps working through the facade.

    python -m examples.tryton.demo [--keep]

Everything is real and private to the demo: a PostgreSQL, a Tryton with 2,000 parties, the new service, Strangler itself,
driven by its own command line. It ends with the report in `build/demo/`, and fails when the client saw a failure.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import signal
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.markup import escape
from rich.table import Table

from examples.tryton import erp, processes
from examples.tryton.client import Client
from examples.tryton.erp import Tryton
from examples.tryton.narration import Narrator, strangler
from examples.tryton.tally import Tally
from strangler.errors import ExitCode, Refused, StranglerError
from strangler.testing import postgres

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "demo"
CONFIGURATION: Final = Path(__file__).with_name("strangler.yaml")
PARTIES: Final = 2_000
FUNCTION: Final = "party"


@dataclass(frozen=True)
class Scene:
    """All that runs during the demo, and where it is reached."""

    tryton: Tryton
    service_url: str
    service_database_url: str
    facade_url: str
    console_url: str

    @property
    def client_url(self) -> str:
        """What the client is told instead of Tryton's own URL: nothing else changes for it."""
        return f"{self.facade_url}/{erp.DATABASE}"

    def gates_pass(self) -> bool:
        """Whether every gate on the function's way passes now, as the console tells programs; no answer is no pass."""
        try:
            with urllib.request.urlopen(f"{self.console_url}/api/functions/{FUNCTION}", timeout=10) as answer:
                return all(gate["verdict"] == "pass" for gate in json.load(answer)["gates"])
        except OSError:
            return False


def play(narrator: Narrator, *, keep: bool) -> Tally:
    """The whole demo. Raises StranglerError when something doesn't go as it must."""
    with ExitStack() as stack:
        scene = _build(narrator, stack)
        client = _client(narrator, scene)
        _sync(narrator)
        _shadow(narrator)
        _canary(narrator, client, scene)
        _cut_over(narrator, client, scene)
        report = _report(narrator)
        tally = _settle(narrator, client, scene)
        narrator.say(f"\nThe report: [bold]{report.relative_to(ROOT)}[/]  (one file, opens offline)")
        if keep and not tally.failed:
            _stay(narrator, scene)
    return tally


def _build(narrator: Narrator, stack: ExitStack) -> Scene:
    narrator.chapter("A legacy ERP, and a new service beside it")
    with narrator.busy("PostgreSQL"):
        server = stack.enter_context(postgres.server())
    with narrator.busy("Tryton 8.2 with party, company, currency, country and product"):
        tryton = stack.enter_context(erp.tryton(server, FOLDER))
    with narrator.busy(f"{PARTIES:,} parties through Tryton's own API: Łódź, O'Neil, Nippon 日本"):
        erp.seed(tryton, PARTIES)
    service_port, facade_port, console_port = (processes.free_port() for _ in range(3))
    scene = Scene(
        tryton,
        f"http://127.0.0.1:{service_port}",
        server.create_database("party_service"),
        f"http://127.0.0.1:{facade_port}",
        f"http://127.0.0.1:{console_port}",
    )
    narrator.environment.update(_environment(scene, facade_port, console_port))
    with narrator.busy("The new party service, with a database of its own"):
        stack.enter_context(_service(scene, service_port))
    narrator.type("config", "check")
    with narrator.busy("Strangler: worker and facade in one process"):
        stack.enter_context(_strangler(narrator, scene))
    return scene


def _environment(scene: Scene, facade_port: int, console_port: int) -> dict[str, str]:
    return {
        "STRANGLER_CONFIG": str(CONFIGURATION),
        "DEMO_DATA": str(FOLDER / "strangler"),
        "TRYTON_DATABASE_URL": scene.tryton.database_url,
        "TRYTON_URL": scene.tryton.base_url,
        "PARTY_DATABASE_URL": scene.service_database_url,
        "PARTY_SERVICE_URL": scene.service_url,
        "FACADE_PORT": str(facade_port),
        "CONSOLE_PORT": str(console_port),
    }


def _service(scene: Scene, port: int) -> contextlib.AbstractContextManager[object]:
    return processes.running(
        "the party service",
        [sys.executable, "-m", "examples.tryton.service", "--port", str(port)],
        log=FOLDER / "service.log",
        env={"PARTY_DATABASE_URL": scene.service_database_url, "PYTHONPATH": str(ROOT)},
        ready=lambda: processes.listens(port),
    )


def _strangler(narrator: Narrator, scene: Scene) -> contextlib.AbstractContextManager[object]:
    return processes.running(
        "strangler run",
        [*strangler(), "run"],
        log=FOLDER / "strangler.log",
        env=narrator.environment,
        ready=lambda: processes.answers(f"{scene.facade_url}/healthz"),
    )


def _client(narrator: Narrator, scene: Scene) -> Client:
    narrator.chapter("A client goes to work, through the facade")
    with narrator.busy("Fifty workplaces log in to Tryton and read every party"):
        client = Client(scene.client_url, scene.tryton.user, scene.tryton.password, workplaces=50)
    client.start()
    narrator.say(
        "From now on it reads, searches, creates, renames, deactivates and removes, some 40 times a second,"
    )
    narrator.say("reads back what it wrote, and counts every failure. Tryton answers everything.")
    narrator.type("status")
    return client


def _sync(narrator: Narrator) -> None:
    narrator.chapter("syncing: the store is filled and kept up to date")
    narrator.type("plan", FUNCTION)
    narrator.type("advance", FUNCTION)
    narrator.type("backfill", FUNCTION)
    narrator.say("\nBoth sides, compared by checksums over the mapping, at one position of the source:")
    narrator.type("reconcile", "run", FUNCTION)


def _shadow(narrator: Narrator) -> None:
    narrator.chapter("shadow: reads go to both, Tryton answers, the answers are compared")
    narrator.type("advance", FUNCTION)
    narrator.say(
        "\nWhat was compared so far is too little to judge by. That is inconclusive, and inconclusive is not a pass:"
    )
    narrator.type("advance", FUNCTION, expect=ExitCode.FAILED)


def _canary(narrator: Narrator, client: Client, scene: Scene) -> None:
    narrator.chapter("canary: a share of the workplaces reads from the new service")
    narrator.type_when_allowed("advance", FUNCTION, allowed=scene.gates_pass)
    _let_work(narrator, client)
    narrator.type_when_allowed("advance", FUNCTION, allowed=scene.gates_pass)
    _let_work(narrator, client)
    narrator.type("status")
    narrator.say("\nDoubts? Back, at once and without loss:")
    narrator.type("rollback", FUNCTION, "--reason", "a colleague wants to look at it first")
    narrator.say("\nAnd forward again, to half of the workplaces, and to all of them:")
    narrator.type_when_allowed("advance", FUNCTION, "--weight", "50%", allowed=scene.gates_pass)
    narrator.type_when_allowed("advance", FUNCTION, allowed=scene.gates_pass)
    _let_work(narrator, client)


def _let_work(narrator: Narrator, client: Client, calls: int = 100) -> None:
    with narrator.busy(f"The client makes {calls} more calls"):
        enough = client.tally.succeeded + calls
        processes.wait_until(lambda: client.tally.succeeded >= enough, "the client's calls to succeed", 60)


def _cut_over(narrator: Narrator, client: Client, scene: Scene) -> None:
    narrator.chapter("live: the new service becomes the owner")
    narrator.type("reconcile", "run", FUNCTION)
    narrator.say("\nWrites are fenced for the moment in which the owner changes; reads go on:")
    narrator.type_when_allowed("advance", FUNCTION, allowed=scene.gates_pass)
    before = client.tally.calls["create"]
    with narrator.busy("The client creates parties in the new service"):
        processes.wait_until(lambda: client.tally.calls["create"] >= before + 10, "ten new parties", 60)
    narrator.say("\nThese parties Tryton never saw. Going back would lose them, so it is refused:")
    narrator.type("rollback", FUNCTION, expect=ExitCode.FAILED)


def _report(narrator: Narrator) -> Path:
    narrator.chapter("The report")
    report = FOLDER / "report.html"
    narrator.type("status")
    narrator.type("report", "--format", "html", "--output", str(report))
    return report


def _settle(narrator: Narrator, client: Client, scene: Scene) -> Tally:
    narrator.chapter("The client's tally")
    with narrator.busy("Every party that the client wrote, read once more through the facade"):
        tally = client.stop()
    table = Table(box=None, show_header=False, padding=(0, 3))
    table.add_row(
        "calls that succeeded",
        f"{tally.succeeded:,}",
        "  ".join(f"{n:,} {k}" for k, n in tally.calls.items()),
    )
    table.add_row("answered 503 by the fence, and repeated", f"{tally.repeated:,}", "")
    table.add_row(
        "writes not to be seen at once", f"{tally.awaited:,}", f"longest {tally.longest_wait:.1f} s"
    )
    table.add_row("failed", f"[{'red' if tally.failed else 'green'}]{tally.failed:,}[/]", "")
    narrator.console.print(table)
    for failure in tally.failures:
        narrator.say(f"[red]✗[/] {escape(failure)}")
    return tally


def _stay(narrator: Narrator, scene: Scene) -> None:
    narrator.chapter("Left running to look around; Ctrl-C ends it")
    table = Table(box=None, show_header=False, padding=(0, 3))
    table.add_row("Tryton through the facade", scene.client_url)
    table.add_row("Tryton itself", scene.tryton.url)
    table.add_row("login", f"{scene.tryton.user} / {scene.tryton.password}")
    table.add_row("the console", scene.console_url)
    table.add_row("the new service", f"{scene.service_url}/docs")
    table.add_row("legacy database", scene.tryton.database_url)
    table.add_row("service database", scene.service_database_url)
    narrator.console.print(table)
    narrator.say("\nTo use the command line, set:")
    for name, value in narrator.environment.items():
        narrator.console.print(f"export {name}='{value}'", soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """An empty folder for this run. Raises Refused when another demo runs in this checkout."""
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("another demo runs in this checkout", do="end it with Ctrl-C first") from None
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        yield


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running at the end, until Ctrl-C.")
def main(keep: bool) -> None:
    """Move the function `party` of a real Tryton to a new service, while a client keeps working."""
    processes.stop_on_signals()
    narrator = Narrator()
    try:
        with _only_one():
            tally = play(narrator, keep=keep)
    except StranglerError as error:
        narrator.console.print(f"\n[red bold]✗[/] {escape(str(error))}\n  logs: {FOLDER.relative_to(ROOT)}/")
        raise SystemExit(int(error.exit_code)) from None
    except KeyboardInterrupt:
        narrator.console.print("\ninterrupted; everything is stopped")
        raise SystemExit(130) from None
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
