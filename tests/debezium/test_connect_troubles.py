"""What Debezium's stack traces are told as. The traces are of the form that Debezium's have, cut to their first frames."""

from __future__ import annotations

import pytest

from strangler_connectors.debezium.troubles import explain, reasons

pytestmark = pytest.mark.slow

STOPPED = """\
org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer. This connector will be stopped.
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
\tat java.base/java.lang.Thread.run(Thread.java:840)
"""
GONE = """\
io.debezium.DebeziumException: The connector is trying to read change stream starting at PostgresOffsetContext [sourceInfoSchema=Schema\
{io.debezium.connector.postgresql.Source:STRUCT}, sourceInfo=source_info[server='strangler_slot'db='erp', lsn=LSN{0/1B6E800}, txId=888, \
messageType=COMMIT, lastCommitLsn=LSN{0/1B6E800}], lastSnapshotRecord=false], but this is no longer available on the server. Reconfigure \
the connector to use a snapshot mode when needed.
\tat io.debezium.connector.common.BaseSourceTask.validateSchemaHistory(BaseSourceTask.java:138)
"""
CAUSED = STOPPED + "Caused by: {}\n\tat a.B.c(B.java:1)\n\t... 10 more\n"


@pytest.mark.parametrize(
    ("said", "why", "passing", "lost"),
    [
        (
            'org.postgresql.util.PSQLException: ERROR: replication slot "s" is active for PID 4711',
            "in use by another reader", True, False,
        ),
        (
            "org.postgresql.util.PSQLException: ERROR: can no longer access replication slot \"s\"\n  Detail: This "
            'replication slot has been invalidated due to "wal_removed".',
            "no longer has what is to be read next", False, True,
        ),
        (
            "org.apache.kafka.connect.errors.ConnectException: Publication autocreation is disabled, please create one and "
            "restart the connector.",
            "the publication isn't there", False, False,
        ),
        (
            "io.debezium.DebeziumException: Postgres server wal_level property must be 'logical' but is: 'replica'",
            "for logical decoding", False, False,
        ),
        (
            'org.postgresql.util.PSQLException: FATAL: password authentication failed for user "erp"',
            "refuses the connector's user", False, False,
        ),
        (
            "java.sql.SQLException: Access denied for user 'erp'@'10.0.0.1' (using password: YES)",
            "refuses the connector's user", False, False,
        ),
        (
            "com.github.shyiko.mysql.binlog.network.ServerException: Could not find first log file name in binary log index file",
            "thrown away the binlog", False, True,
        ),
        (
            "com.github.shyiko.mysql.binlog.network.ServerException: A slave with the same server_uuid/server_id as this "
            "slave has connected to the master",
            "the same server id", False, False,
        ),
        (
            "org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct",
            "can't reach the database", True, False,
        ),
        (
            "org.apache.kafka.common.errors.RecordTooLargeException: The message is 70000000 bytes",
            "larger than Kafka takes", False, False,
        ),
        (
            "io.debezium.DebeziumException: Encountered change event 'Event{…}' at offset {…} for table erp.party whose schema "
            "isn't known to this connector. One possible cause is an incomplete database schema history topic.",
            "doesn't know a table", False, False,
        ),
    ],
)  # fmt: skip
def test_a_known_reason_is_told_in_words(said: str, why: str, passing: bool, lost: bool) -> None:
    trouble = explain(CAUSED.format(said))
    assert why in trouble.why
    assert trouble.do
    assert (trouble.passing, trouble.lost) == (passing, lost)


def test_the_ends_of_a_long_sentence_are_shown() -> None:
    trouble = explain(GONE)
    assert trouble.lost
    assert "The connector is trying to read change stream" in trouble.why
    assert trouble.why.endswith("Reconfigure the connector to use a snapshot mode when needed.")
    assert len(trouble.why) < 350


def test_an_unknown_reason_is_shown_as_it_is_and_tried_again() -> None:
    trouble = explain(CAUSED.format("org.example.OddException: the moon is full"))
    assert trouble.why == "OddException: the moon is full"
    assert trouble.passing


def test_no_reason_at_all_is_said() -> None:
    assert "no reason" in explain("").why


def test_frames_and_packages_are_left_out() -> None:
    assert reasons(CAUSED.format("java.net.UnknownHostException: db.example")) == [
        "An exception occurred in the change event producer. This connector will be stopped.",
        "UnknownHostException: db.example",
    ]
