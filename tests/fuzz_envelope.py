"""The decoder of Debezium's records under atheris, which looks for new ways through the code by what it covers.

    pip install atheris && python -m tests.fuzz_envelope -max_total_time=600 CORPUS

The corpus begins with what was recorded. What must hold is that of `tests.debezium.fuzzing`; what is found becomes a test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["strangler_connectors.debezium", "msgspec"]):
    from tests.debezium.fuzzing import check_row
    from tests.debezium.recordings import MODES, Record, records

FILES = sorted(MODES)


def one(data: bytes) -> None:
    """The first byte chooses the modes, the second the header, then the key up to a NUL, then the value."""
    if len(data) < 3:
        return
    key, _, value = data[2:].partition(b"\0")
    header = ("__debezium.oldkey", "__debezium.newkey", "", "other")[data[1] % 4]
    headers = [(header, key)] if header else []
    check_row(FILES[data[0] % len(FILES)], Record(0, key or None, value if data[1] < 250 else None, headers))


def seed(corpus: Path) -> None:
    """Fill an empty corpus with the recorded records."""
    corpus.mkdir(parents=True, exist_ok=True)
    if any(corpus.iterdir()):
        return
    for number, name in enumerate(FILES):
        for record in records(name):
            if len(record.value or b"") < 20_000:
                start = bytes([number, 0 if record.headers else 2])
                (corpus / f"{name}-{record.offset}").write_bytes(
                    start + (record.key or b"") + b"\0" + (record.value or b"")
                )


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        seed(folders[0])
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
