"""A table without a primary key, whose rows are told apart by the columns that the option `keys` names."""

from __future__ import annotations

from contextlib import closing

import pytest

from strangler.changes import ORIGIN, Operation
from strangler.errors import SourceError
from strangler.testing import connect as kafka_connect
from strangler.testing import kafka as kafka_broker
from strangler.testing.change_source import read_until
from tests.debezium.landscape import Landscape, MariadbLandscape, PostgresLandscape

TABLES = {"loose": ["what"]}


@pytest.fixture(params=["postgresql", "mariadb"])
def landscape(
    request: pytest.FixtureRequest, kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str
) -> Landscape:
    kind, url = {
        "postgresql": (PostgresLandscape, "postgres_url"),
        "mariadb": (MariadbLandscape, "mariadb_url"),
    }[request.param]
    made = kind(request.getfixturevalue(url), kafka.bootstrap, connect.url, prefix)
    with made.cursor() as execute:
        execute("CREATE TABLE loose (no integer, what varchar(20), rest varchar(20))", [])
        if kind is PostgresLandscape:
            execute("ALTER TABLE loose REPLICA IDENTITY FULL", [])
    return made


def test_its_rows_come_with_the_key_that_the_options_name(landscape: Landscape) -> None:
    with closing(landscape.source(TABLES, heartbeat=1.0, keys={"loose": ["no"]})) as source:
        assert not [each for each in source.examine(1.0) if each.blocks]
        assert source.describe(["loose"])["loose"].key == ("no",)
        identity = source.prepare()
        try:
            with landscape.cursor() as execute:
                execute("INSERT INTO loose VALUES (1, 'one', 'x'), (2, 'two', 'x')", [])
                execute("UPDATE loose SET what = 'zwei' WHERE no = 2", [])
                execute("DELETE FROM loose WHERE no = 1", [])
            with source.stream(ORIGIN, identity) as stream:
                read = read_until(stream, lambda so_far: sum(len(each.changes) for each in so_far) >= 4)
        finally:
            source.drop()
    changes = [change for transaction in read for change in transaction.changes]
    assert [(each.operation, each.after) for each in changes] == [
        (Operation.INSERT, {"no": 1, "what": "one"}),
        (Operation.INSERT, {"no": 2, "what": "two"}),
        (Operation.UPDATE, {"no": 2, "what": "zwei"}),
        (Operation.DELETE, None),
    ]
    assert changes[3].before is not None
    assert changes[3].before["no"] == 1


def test_without_the_option_it_is_refused(landscape: Landscape) -> None:
    if isinstance(landscape, PostgresLandscape):
        with landscape.cursor() as execute:
            execute("ALTER TABLE loose REPLICA IDENTITY DEFAULT", [])
    with closing(landscape.source(TABLES)) as source, pytest.raises(SourceError, match="loose") as refused:
        source.prepare()
    assert "loose" in refused.value.do
