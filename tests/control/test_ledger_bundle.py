"""A bundle of the ledger is checked by the very program that docs/ledger.md gives to auditors."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.auditing import bundle
from strangler.cli.main import root
from strangler.control import ledger
from strangler.control.store import Control
from strangler.cutover.history import Kind
from strangler.errors import Refused
from tests.control.test_ledger import append, unguard
from tests.facade.test_process import CONFIGURATION

PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
Lines = list[bytes]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier, as it stands on the page."""
    (code,) = re.findall(r"```python\n(import hashlib.*?)```", PAGE, re.DOTALL)
    path = tmp_path_factory.mktemp("auditor") / "verify.py"
    path.write_text(code)
    return path


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION.format(legacy="http://127.0.0.1:9"))
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        for number in range(6):
            append(control, number)
    return path


def check(program: Path, of: Path, *expected: str) -> tuple[int, str]:
    """What the auditor's Python, which sees nothing of ours, makes of it."""
    words = [sys.executable, "-I", "-S", str(program), str(of), *expected]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=program.parent)
    return done.returncode, done.stdout + done.stderr


def run(configured: Path, *words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(root, ["-c", str(configured), "ledger", *words])


def exported(configured: Path, *options: str) -> Path:
    folder = configured.parent / "bundle"
    done = run(configured, "export", str(folder), *options)
    assert done.exit_code == 0, done.output
    return folder


def put(folder: Path, lines: Lines, **manifest: object) -> None:
    """What somebody makes of a bundle who also makes its manifest agree."""
    content = b"".join(lines)
    (folder / "entries.jsonl").write_bytes(content)
    said = json.loads((folder / "manifest.json").read_text())
    said |= {"entries": len(lines), "sha256": hashlib.sha256(content).hexdigest()} | manifest
    (folder / "manifest.json").write_text(json.dumps(said))


def rehash(line: bytes, **changed: object) -> bytes:
    entry = json.loads(line) | changed
    del entry["hash"]
    signed = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()
    return signed[:-1] + b',"hash":"' + hashlib.sha256(signed).hexdigest().encode() + b'"}\n'


def test_a_bundle_is_good_as_a_folder_and_as_a_zip(configured: Path, program: Path) -> None:
    assert check(program, exported(configured))[0] == 0
    packed = configured.parent / "deep" / "ledger.zip"
    assert run(configured, "export", str(packed)).exit_code == 0
    code, words = check(program, packed)
    assert (code, words.startswith("good: 6 entries")) == (0, True)
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["entries.jsonl", "manifest.json"]
    assert not list(configured.parent.glob("**/*.part"))


def test_the_manifest_says_what_the_whole_comes_to(configured: Path) -> None:
    folder = exported(configured, "--as", "eva@office")
    said = json.loads((folder / "manifest.json").read_text())
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    assert (said["entries"], said["kinds"], said["exported_by"]) == (
        6,
        {"advance": 6},
        "eva@office (claimed)",
    )
    assert said["first"] == {"seq": 1, "at": "2025-11-30T10:53:20Z"}
    assert said["head"] == json.loads(lines[-1])["hash"]
    assert [list(json.loads(line)) for line in lines] == [[*ledger.MEMBERS, "hash"]] * 6


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b'"n":2', b'"n":7'), *lines[3:]], "entry 3 was changed"),
        (lambda lines: [*lines[:2], rehash(lines[2], actor="bob"), *lines[3:]], "entry 4 doesn't go on"),
        (lambda lines: [*lines[:2], *lines[3:]], "entry 4 comes behind entry 2"),
        (lambda lines: lines[1:], "entry 2 doesn't go on"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "entry 4 comes behind entry 2"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "entry 3 comes behind entry 3"),
        (lambda lines: [*lines[:3], rehash(lines[3], actor="bob"), *lines[3:]], "entry 4 comes behind entry 4"),
        (lambda lines: lines[:-1], "5 entries up to"),
        (lambda lines: [*lines[:-1], lines[-1][:40]], "line 6 of entries.jsonl isn't JSON"),
        (lambda lines: [lines[0].replace(b'"kind"', b' "kind"'), *lines[1:]], "entry 1 was changed"),
        (lambda lines: [], "0 entries up to"),
    ],
)  # fmt: skip
def test_tampering_with_the_entries_is_told(
    configured: Path, program: Path, tamper: Callable[[Lines], Lines], words: str
) -> None:
    folder = exported(configured)
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    put(folder, tamper(lines))
    code, said = check(program, folder)
    assert code == 1
    assert words in said


def test_who_writes_everything_anew_is_told_by_the_hash_that_was_noted(
    configured: Path, program: Path
) -> None:
    folder = exported(configured)
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    noted = json.loads(lines[2])["hash"]
    assert check(program, folder, noted)[0] == 0
    anew: Lines = []
    for line in lines:
        previous = json.loads(anew[-1])["hash"] if anew else ledger.GENESIS
        anew.append(rehash(line, actor="bob", previous=previous))
    put(folder, anew, head=json.loads(anew[-1])["hash"])
    assert check(program, folder)[0] == 0
    code, said = check(program, folder, noted)
    assert (code, f"no entry has the hash {noted}" in said) == (1, True)


def test_a_bundle_of_what_was_added_goes_on_from_the_one_before(configured: Path, program: Path) -> None:
    noted = json.loads(run(configured, "show", "4", "--json").output)[0]["hash"]
    folder = exported(configured, "--after", "4")
    assert check(program, folder, noted)[0] == 0
    said = json.loads((folder / "manifest.json").read_text())
    assert (said["previous"], said["entries"], said["first"]["seq"]) == (noted, 2, 5)
    beyond = run(configured, "export", str(configured.parent / "none"), "--after", "7")
    assert (beyond.exit_code, "the ledger has no entry 7" in beyond.output) == (1, True)


def test_a_bundle_is_never_written_over(configured: Path) -> None:
    folder = exported(configured)
    again = run(configured, "export", str(folder))
    assert (again.exit_code, "is there already" in again.output) == (1, True)


def test_a_broken_ledger_is_exported_as_it_is_and_told(configured: Path, program: Path) -> None:
    with Control.open(f"sqlite:///{configured.parent}/.strangler/control.db") as control:
        unguard(control)
        with control.begin() as connection:
            connection.exec_driver_sql("UPDATE ledger SET actor = 'bob' WHERE seq = 2")
    folder = configured.parent / "bundle"
    done = run(configured, "export", str(folder))
    assert (done.exit_code, "entry 2 was changed" in done.output) == (1, True)
    assert json.loads((folder / "manifest.json").read_text())["problem"].startswith("entry 2 was changed")
    assert check(program, folder) == (1, "NOT GOOD: entry 2 was changed after it was written\n")


def test_an_empty_ledger_can_be_exported(tmp_path: Path, program: Path) -> None:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        done = bundle.export(control, tmp_path / "bundle", name="m", actor="a", at=1.0)
        assert done == (0, ledger.GENESIS, "")
        with pytest.raises(Refused, match="is there already"):
            bundle.export(control, tmp_path / "bundle", name="m", actor="a", at=1.0)
    assert check(program, tmp_path / "bundle")[0] == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL isn't installed")
def test_a_signature_is_checked_by_openssl_as_the_page_says(configured: Path) -> None:
    key, public = configured.parent / "audit.pem", configured.parent / "audit.pub"
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-out", str(public))
    folder = exported(configured, "--key", str(key))
    checked = ("pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin")
    files = ("-in", str(folder / "manifest.json"), "-sigfile", str(folder / "manifest.json.sig"))
    assert openssl(*checked, *files).returncode == 0
    with (folder / "manifest.json").open("a") as manifest:
        manifest.write(" ")
    assert openssl(*checked, *files, check=False).returncode != 0


def openssl(*words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *words], capture_output=True, check=check)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "can't be read"), ("nothing", "no private key in PEM")],
    ids=["absent", "garbage"],
)
def test_a_key_that_isnt_one_is_refused_in_words(configured: Path, content: str | None, words: str) -> None:
    key = configured.parent / "audit.pem"
    if content is not None:
        key.write_text(content)
    done = run(configured, "export", str(configured.parent / "bundle"), "--key", str(key))
    assert (done.exit_code, words in done.output) == (2, True)
    assert not (configured.parent / "bundle").exists()


def test_the_commands_show_and_verify(configured: Path) -> None:
    shown = run(configured, "show", "--limit", "2").output
    assert [line.split()[0] for line in shown.splitlines() if "eva@host" in line] == ["5", "6"]
    whole = run(configured, "show", "3").output
    assert "entry 3: advance party" in whole
    assert '"n": 2' in whole
    head = json.loads(run(configured, "show", "6", "--json").output)[0]["hash"]
    good = run(configured, "verify", "--expect", head.upper())
    assert (good.exit_code, f"{head} is entry 6" in good.output) == (0, True)
    lost = run(configured, "verify", "--expect", "f" * 64)
    assert (lost.exit_code, "cut off, or written anew" in lost.output) == (1, True)
    told = json.loads(run(configured, "verify", "--json").output)
    assert told == {"entries": 6, "head": head, "problem": None, "seen": {}}
    assert run(configured, "show", "7").exit_code == 1
    assert "no such entry" in run(configured, "show", "--kind", "held").output


def test_the_page_names_every_kind_of_entry() -> None:
    assert not {kind for kind in kinds() if f"`{kind}`" not in PAGE}
    assert len(kinds()) > 20


def kinds() -> set[str]:
    """The conductor's, and the constants that can be kinds in the modules that append."""
    constant = re.compile(r'^[A-Z]+: Final = "([a-z][a-z -]{0,31})"$', re.MULTILINE)
    texts = [path.read_text() for path in (Path(__file__).parents[2] / "strangler").rglob("*.py")]
    return set(Kind) | {kind for text in texts if "ledger.append(" in text for kind in constant.findall(text)}
