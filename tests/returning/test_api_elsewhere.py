"""What returns by legacy's own API where that is over HTTPS, with a certificate of the company's own, before a MariaDB."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strangler import assembly
from strangler.configuration import load
from strangler.control import conflicts, late_writes, returning, schedules, sources
from strangler.control.conflicts import Kind
from strangler.cutover.stages import Side, Stage
from strangler.errors import SourceError, Unavailable
from tests.returning.authority import Certified, certified
from tests.returning.erp import Erp, serving
from tests.returning.orders import Orders
from tests.returning.test_api import API, configured
from tests.returning.test_there_and_back import customer, go_live, stored, switch
from tests.sync.landscape import until, working

TRUSTING = API.replace("timeout: 2s", "timeout: 20s\n        ca: authority.pem").replace("500ms", "20s")

NEW = "INSERT INTO orders (number, customer, shouted, state) VALUES ('{0}', 'New', 'NEW', 'draft')"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("company"))


@pytest.fixture
def erp(mariadb_url: str, company: Certified) -> Iterator[Erp]:
    with serving(mariadb_url, company) as erp:
        yield erp


def made(home: Path, legacy: str, erp: Erp, company: Certified, api: str = TRUSTING) -> Orders:
    """Two orders in legacy."""
    (home / "authority.pem").write_bytes(company.authority.read_bytes())
    orders = configured(home, legacy, erp, api)
    orders.create()
    orders.write(
        "INSERT INTO sale_order (code, customer, state, total, note) VALUES ('SO-0', 'Łódź AG', 'D', 10.5, 'n')",
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-1', 'Bolt', 'C')",
        "INSERT INTO order_line (order_id, pos, article, quantity) VALUES (1, 1, 'bolt', 2), (1, 2, 'nut', 3), (2, 1, 'nut', 1)",
    )
    return orders


@pytest.fixture
def orders(erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path) -> Iterator[Orders]:
    """They are delivered to the store, and new owns them."""
    orders = made(tmp_path, mariadb_url, erp, company)
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        yield orders
    orders.control.close()


def times(orders: Orders, code: str) -> int:
    """How often legacy has an order."""
    return len(orders.legacy_rows(f"SELECT id FROM sale_order WHERE code = '{code}'"))


def test_what_the_service_writes_is_asked_for(orders: Orders, erp: Erp) -> None:
    orders.way_back().require()
    orders.serve(
        "UPDATE orders SET total = '99.95', state = 'confirmed', customer = 'ß ü €', shouted = 'ß ü €' WHERE number = 'SO-0'",
        "DELETE FROM orders_lines WHERE number = 'SO-0' AND position = 2",
        NEW.format("SO-9"),
        "INSERT INTO orders_lines (number, position, article, price) VALUES ('SO-9', 1, 'x', '1.25')",
        "DELETE FROM orders_lines WHERE number = 'SO-1'",
        "DELETE FROM orders WHERE number = 'SO-1'",
    )
    assert orders.return_all() == 3
    orders.require_same()
    assert orders.waiting() == 0
    assert Counter(each["method"] for each in erp.log()) == {"PUT": 1, "POST": 1, "DELETE": 1}
    assert orders.legacy_rows("SELECT note FROM sale_order WHERE code = 'SO-0'") == [("n",)]


@pytest.mark.parametrize("api", [API, TRUSTING.replace("authority.pem", "other.pem")])
def test_a_server_that_nobody_vouches_for_gets_nothing_and_it_is_said_beforehand(
    erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path, api: str
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other.pem").write_bytes(certified(tmp_path / "other").authority.read_bytes())
    orders = made(tmp_path, mariadb_url, erp, company, api)
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        with pytest.raises(Exception, match="couldn't return to legacy") as refused:
            orders.way_back().require()
        assert "isn't known for what it says that it is" in str(getattr(refused.value, "why", ""))
        assert "return.api.ca" in str(getattr(refused.value, "do", ""))
        orders.serve(NEW.format("SO-9"))
        with pytest.raises(SourceError, match="isn't known"):
            orders.return_all()
        assert (erp.log(), conflicts.listed(orders.control), orders.waiting()) == ([], [], 1)
    orders.control.close()


def test_a_file_of_authorities_that_is_not_there_is_said(
    erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path
) -> None:
    orders = made(tmp_path, mariadb_url, erp, company, TRUSTING.replace("authority.pem", "none.pem"))
    [finding] = assembly.calling(orders.settings, "sales").examine()
    assert finding.what == (
        f"the certificates of return.api.ca can't be read: {tmp_path}/none.pem: No such file or directory"
    )
    orders.control.close()


def test_what_is_done_is_done_whatever_is_said_of_it(orders: Orders, erp: Erp) -> None:
    answers = ("500 done", "502 done", "503 done", "409 done", "late")
    for number, answer in enumerate(answers):
        orders.serve(NEW.format(f"N-{number}"))
        orders.serve(f"UPDATE orders SET total = '{number + 1}' WHERE number = 'SO-0'")
        erp.next(answer, answer)
        assert orders.return_all() == 2, answer
        assert (orders.return_all(), orders.waiting()) == (0, 0)
    assert Counter(each["method"] for each in erp.log()) == {"POST": 5, "PUT": 5}, "nothing was asked twice"
    assert conflicts.listed(orders.control) == []
    orders.require_same()
    assert [times(orders, f"N-{number}") for number in range(5)] == [1] * 5


def impatient(settle: str, honours: bool) -> str:
    return TRUSTING.replace(
        "timeout: 20s", f"timeout: 500ms\n        honours_idempotency: {str(honours).lower()}"
    ).replace("settle: 20s", f"settle: {settle}")


@pytest.mark.nightly
def test_what_is_done_when_nobody_waits_for_it_any_more_is_not_done_twice(
    erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path
) -> None:
    """Held, since nobody can know; and whoever decides that it is to be so asks for nothing that is there by then."""
    orders = made(tmp_path, mariadb_url, erp, company, impatient("200ms", honours=False))
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        orders.serve(NEW.format("SO-9"))
        erp.next("slow")
        orders.return_all()
        [held] = conflicts.listed(orders.control)
        assert held.kind is Kind.REFUSED
        assert held.reason.startswith("POST /orders was sent, and it isn't known what came of it")
        until(lambda: times(orders, "SO-9"), "it is done after all", 60)
        conflicts.decide(orders.control, "sales", "order", held.key, Side.NEW, actor="eva", at=5.0)
        orders.return_all()
        assert (conflicts.listed(orders.control), orders.waiting()) == ([], 0)
        assert (len(erp.log()), times(orders, "SO-9")) == (1, 1)
        orders.require_same()
    orders.control.close()


def test_one_that_is_told_to_be_at_work_already_is_waited_for(
    erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path
) -> None:
    """It honours the key of a request: what is sent again while the first is at work is refused, and was done all the same."""
    orders = made(tmp_path, mariadb_url, erp, company, impatient("2500ms", honours=True))
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        orders.serve(NEW.format("SO-9"))
        erp.next("slow")
        with orders.feed() as feed:
            with pytest.raises(Unavailable, match="doesn't answer"):
                feed.step()
            until(feed.step, "it comes back", 60)
        assert [each["method"] for each in erp.log()] == ["POST", "POST"]
        assert len({each["key"] for each in erp.log()}) == 1
        assert (conflicts.listed(orders.control), orders.waiting()) == ([], 0)
        assert times(orders, "SO-9") == 1
        orders.require_same()
    orders.control.close()


@contextmanager
def worker(orders: Orders) -> Iterator[subprocess.Popen[bytes]]:
    """`strangler worker`, until it is killed."""
    command = [Path(sys.executable).parent / "strangler", "--config", orders.file, "worker"]
    with (
        (orders.file.parent / "workers.log").open("ab") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        yield process
        process.kill()


def whose_turn(orders: Orders) -> int:
    """The process that returns; 0: none."""
    turn = schedules.known(orders.control).get(("sales", "return"))
    return int(turn.holder.rpartition(":")[2]) if turn and turn.holder else 0


@pytest.mark.nightly
def test_of_two_workers_one_asks_and_the_other_goes_on_when_that_is_killed(
    erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path
) -> None:
    orders = made(tmp_path, mariadb_url, erp, company)
    with orders.file.open("a") as file:
        file.write("console: {port: 0}\n")
    with worker(orders) as one, worker(orders) as other:
        until(lambda: sources.identity(orders.control, "erp"), "the source is captured", 120)
        go_live(orders)
        for number in range(20):
            orders.serve(NEW.format(f"N-{number}"))
        until(lambda: times(orders, "N-5"), "some have come back", 60)
        first = whose_turn(orders)
        assert first in (one.pid, other.pid)
        victim = one if first == one.pid else other
        victim.kill()
        victim.wait()
        for number in range(20, 40):
            orders.serve(NEW.format(f"N-{number}"))
        until(lambda: orders.waiting() <= len(conflicts.listed(orders.control)), "the other one goes on", 60)
        assert whose_turn(orders) in {one.pid, other.pid} - {first}
        for each in conflicts.listed(
            orders.control
        ):  # The one that was being asked for in that moment, unless it shows.
            assert "it isn't known what came of it" in each.reason
            conflicts.decide(orders.control, "sales", "order", each.key, Side.NEW, actor="eva", at=5.0)
        until(lambda: orders.waiting() == 0, "all comes back", 60)
    assert [times(orders, f"N-{number}") for number in range(40)] == [1] * 40
    orders.require_same()
    assert late_writes.newest(orders.control) == []
    orders.control.close()


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["mysql", "polling"])
def test_there_and_back_with_a_worker_and_no_echo(
    erp: Erp, mariadb_url: str, company: Certified, tmp_path: Path, kind: str
) -> None:
    orders = made(tmp_path, mariadb_url, erp, company)
    if kind == "polling":
        text = orders.file.read_text()
        options = "{kind: polling, options: {interval: 200ms, compare_every: 1s}, url:"
        orders.file.write_text(text.replace("{kind: mysql, url:", options))
        orders.settings = load(orders.file)
    with working(orders.settings, orders.control):
        go_live(orders)
        for name in ("new", "newer"):
            orders.serve(
                f"UPDATE orders SET customer = '{name}', shouted = '{name.upper()}' WHERE number = 'SO-0'"
            )
            until(lambda name=name: customer(orders, "SO-0") == name, "it comes back", 60)  # type: ignore[misc]
        orders.serve(
            "UPDATE orders_lines SET article = 'screw' WHERE number = 'SO-0'",
            NEW.format("SO-2"),
            "INSERT INTO orders_lines (number, position, article) VALUES ('SO-2', 1, 'x')",
        )
        until(lambda: orders.waiting() == 0, "all comes back", 60)
        orders.require_same()
        orders.write("UPDATE sale_order SET state = 'C' WHERE code = 'SO-2'")
        until(lambda: late_writes.unexplained(orders.control, "sales") > 0, "a late write is seen", 60)
        assert {each.key for each in late_writes.newest(orders.control)} == {'["SO-2"]'}
        assert late_writes.unexplained(orders.control, "sales") == 1
        orders.write("UPDATE sale_order SET state = 'D' WHERE code = 'SO-2'")
        switch(orders, Stage.SYNCING)
        orders.write("UPDATE sale_order SET customer = 'legacy again' WHERE code = 'SO-0'")
        until(lambda: stored(orders, "SO-0") == "legacy again", "legacy's changes are delivered", 60)
        orders.require_same()
    assert returning.all_feeds(orders.control)["sales"].error is None
    assert conflicts.listed(orders.control) == []
    orders.control.close()
