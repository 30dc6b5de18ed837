"""What the figures of a PostgreSQL server mean: pure, so that servers are judged that nobody can have here."""

from __future__ import annotations

import pytest

from strangler_connectors.postgres.examination import Facts, judged

DAY, GB = 86400.0, 2**30

WELL = Facts(2, True, True, False, 10, 2, 10, 100 * GB, 60.0, 0.0, 1000.0)


def test_a_server_with_room_and_time_has_no_findings() -> None:
    assert judged(WELL, "mine", DAY) == []


@pytest.mark.parametrize(
    ("facts", "what", "do", "blocks"),
    [
        (
            WELL._replace(mine=False, mine_active=False, slots=10),
            "all 10 replication slots are taken",
            "ALTER SYSTEM SET max_replication_slots = '14', then restart PostgreSQL",
            True,
        ),
        (
            WELL._replace(mine_active=False, senders=10),
            "all 10 WAL senders are taken",
            "ALTER SYSTEM SET max_wal_senders = '14', then restart PostgreSQL",
            True,
        ),
        (WELL._replace(mine_lost=True), "the slot mine still needed", "strangler source reset", True),
        (
            WELL._replace(kept=10 * GB, rate=GB / 3600.0),
            "keeps 10 GB of WAL for a slot (max_slot_wal_keep_size), which lasts 10 h at the rate so far, not 1 d",
            "ALTER SYSTEM SET max_slot_wal_keep_size = '48GB', then SELECT pg_reload_conf()",
            False,
        ),
        (
            WELL._replace(kept=0, rate=GB / 3600.0),
            "keeps 0 kB of WAL",
            "max_slot_wal_keep_size = '48GB'",
            False,
        ),
        (
            WELL._replace(kept=-(2**20), rate=GB / 3600.0),
            "keeps all of its WAL, about 24 GB in 1 d",
            "max_slot_wal_keep_size = '48GB'",
            False,
        ),
        (WELL._replace(kept=-(2**20), rate=None), "keeps all of its WAL", "…GB", False),
        (WELL._replace(kept=GB, rate=None), "keeps 1 GB of WAL", "more than it writes in 1 d", False),
        (
            WELL._replace(sender_timeout=2.0),
            "wal_sender_timeout is 2.0 s",
            "ALTER SYSTEM SET wal_sender_timeout = '60s'",
            False,
        ),
        (
            WELL._replace(idle_timeout=3600.0),
            "lost after 1 h (idle_replication_slot_timeout), not after 1 d",
            "idle_replication_slot_timeout = '172800s'",
            False,
        ),
    ],
)
def test_a_figure_that_will_hurt_is_one_finding_with_its_cure(
    facts: Facts, what: str, do: str, blocks: bool
) -> None:
    [finding] = judged(facts, "mine", DAY)
    assert what in finding.what
    assert do in finding.do
    assert finding.blocks is blocks


def test_what_this_source_has_already_is_not_missing() -> None:
    assert judged(WELL._replace(slots=10, senders=10), "mine", DAY) == []
