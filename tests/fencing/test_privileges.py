"""A fence that takes privileges away, and gives back exactly those that there were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE
from strangler.errors import Refused
from strangler.fencing.fence import LegacyFence
from tests.fencing.legacies import Legacy, made

WRITE = "UPDATE party SET name = 'x' WHERE id = 1"


@pytest.fixture
def erp(server: Legacy) -> Iterator[str]:
    """A user of the ERP, with privileges of every kind on the function's table and on another one."""
    name = f"erp_{abs(hash(server.url)) % 10**8}"
    if server.kind == "postgres":
        who = f'"{name}"'
        server.run(f"CREATE ROLE {who}", "CREATE TABLE other (id INTEGER)")
        drop = [f"DROP OWNED BY {who}", f"DROP ROLE {who}"]
    else:
        who = f"'{name}'@'%'"
        server.run(f"CREATE USER {who} IDENTIFIED BY 'secret'", "CREATE TABLE other (id INTEGER)")
        drop = [f"DROP USER {who}"]
    server.run(
        f"GRANT SELECT, INSERT, DELETE ON party TO {who}",
        f"GRANT UPDATE (name) ON party TO {who}",
        f"GRANT SELECT, INSERT ON other TO {who} WITH GRANT OPTION",
    )
    yield name
    server.run(*drop)


def put_up(server: Legacy, control: Control, role: str, cohort: str = EVERYONE) -> None:
    """The fence."""
    roles = [role if server.kind == "postgres" else f"{role}@%"]
    with server.moving(control, cohort, fence={"by": "revoke", "roles": roles}) as moving:
        assert moving.section.fence is not None
        LegacyFence(moving, moving.section.fence).put_up()


def granted(server: Legacy, erp: str) -> list[tuple[object, ...]]:
    """All that the user may do, as the catalog has it."""
    if server.kind == "mysql":
        return sorted(server.run(f"SHOW GRANTS FOR '{erp}'@'%'"))
    of_tables = (
        "SELECT table_name::text, privilege_type::text, is_grantable::text FROM information_schema.role_table_grants "
        f"WHERE grantee = '{erp}' UNION ALL SELECT table_name || '.' || column_name, privilege_type, is_grantable "
        f"FROM information_schema.role_column_grants WHERE grantee = '{erp}'"
    )
    return sorted(server.run(of_tables))


def test_a_role_reads_on_and_writes_no_more_until_it_has_back_what_it_had(
    server: Legacy, control: Control, erp: str
) -> None:
    before = granted(server, erp)
    for _ in range(2):  # What was taken the first time can't be seen the second.
        put_up(server, control, erp)
        for write in (WRITE, "INSERT INTO party VALUES (9, 'z', 1)", "DELETE FROM party WHERE id = 1"):
            assert "denied" in server.refusal(write, user=erp)
        assert server.refusal("SELECT * FROM party", user=erp) == ""
        assert server.refusal("INSERT INTO other VALUES (1)", user=erp) == ""
    assert server.refusal(WRITE) == "", "everybody else writes on, Strangler's own user too"
    for _ in range(2):
        server.take_down(control)
        assert granted(server, erp) == before
    assert server.refusal(WRITE, user=erp) == ""


def test_one_that_can_write_all_the_same_is_refused_in_words(
    server: Legacy, control: Control, erp: str
) -> None:
    if server.kind == "postgres":
        server.run("GRANT INSERT ON party TO PUBLIC")
        words = f"{erp} can still write to party"
    else:
        server.run(f"GRANT INSERT ON `{server.url.rsplit('/', 1)[1]}`.* TO '{erp}'@'%'")
        words = "by a privilege on .*, which can't be taken for one table"
    with pytest.raises(Refused, match=words):
        put_up(server, control, erp)
    server.take_down(control)
    assert server.refusal(WRITE, user=erp) == ""


def test_no_cohort_is_fenced_by_privileges(server: Legacy, control: Control, erp: str) -> None:
    with pytest.raises(Refused, match="cohort 1000 of party can't be fenced by: revoke"):
        put_up(server, control, erp, "1000")


def test_a_database_without_privileges_is_refused_in_words(tmp_path: Path, control: Control) -> None:
    legacy = made("sqlite", f"sqlite:///{tmp_path}/erp.db", tmp_path)
    with pytest.raises(Refused, match="no privileges can be revoked in a database of the kind sqlite"):
        put_up(legacy, control, "erp")
