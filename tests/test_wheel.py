"""What is shipped works: the wheel is built, installed into a clean environment and run there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.test_compiling import HOOK

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "strangler": ROOT / "strangler",
    "strangler_connectors": ROOT / "connectors" / "strangler_connectors",
    "strangler_adapters": ROOT / "adapters" / "strangler_adapters",
    "strangler_migrations": ROOT / "migrations" / "strangler_migrations",
}

CONFIGURATION = """\
sources: {erp: {kind: sqlite, url: "sqlite:///legacy.db"}}
stores: {new: {url: "sqlite:///new.db"}}
functions: {party: {source: erp, store: new, entities: {party: {table: party, key: id, fields: {id: id}}}}}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def build(folder: Path, **environment: str) -> Path:
    """A wheel of the checkout, in the folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("clean"))


def install(wheel: Path, folder: Path) -> Path:
    """The `bin` folder of an environment with the wheel in it. The dependencies are those of this environment, put in
    by a .pth file: the paths in it are added, the editable install that stands there is not."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin" / "python"),
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def run(clean: Path, *command: str, cwd: Path) -> str:
    """Standard output of a command of the clean environment, run away from the checkout."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "STRANGLER"))
    }
    done = subprocess.run(
        [clean / command[0], *command[1:]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_everything_of_the_packages_is_in_it(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        f"{name}/{file.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert inside == there
    assert any(name.startswith("strangler_migrations/versions/0") for name in inside)
    assert any(".dist-info/licenses/LICENSE" in name for name in zipfile.ZipFile(wheel).namelist())


def test_the_program_that_runs_is_the_one_from_the_wheel(clean: Path, tmp_path: Path) -> None:
    place = run(clean, "python", "-c", "import strangler; print(strangler.__file__)", cwd=tmp_path)
    assert Path(place).is_relative_to(clean.parent)
    assert "Usage: strangler" in run(clean, "strangler", "--help", cwd=tmp_path)


def test_every_entry_point_resolves(clean: Path, tmp_path: Path) -> None:
    program = """
from importlib.metadata import entry_points
for group in ("connectors", "registrars", "stores", "logs", "protocols"):
    for point in entry_points(group=f"strangler.{group}"):
        assert callable(point.load()), point
        print(group, point.name)
"""
    assert sorted(run(clean, "python", "-c", program, cwd=tmp_path).split("\n")[:-1]) == [
        "connectors debezium",
        "connectors mysql",
        "connectors polling",
        "connectors postgres",
        "connectors sqlite",
        "logs kafka",
        "logs sql",
        "protocols form",
        "protocols jsonrpc",
        "protocols odata",
        "protocols rest",
        "protocols soap",
        "registrars debezium",
        "stores postgresql",
        "stores sqlite",
    ]


def test_the_migrations_run_from_it(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    run(clean, "strangler", "db", "upgrade", cwd=tmp_path)
    run(clean, "strangler", "db", "check", cwd=tmp_path)
    assert (tmp_path / ".strangler" / "control.db").exists()


def test_the_report_is_written_from_it(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    run(clean, "strangler", "report", "--format", "html", "--output", "report.html", cwd=tmp_path)
    assert "<html" in (tmp_path / "report.html").read_text()


def tree() -> dict[Path, tuple[int, int]]:
    """Size and time of each file that is there, but for what Python, git and tests keep for themselves."""
    kept = ("__pycache__", "build", "dist")
    found = (
        file
        for file in ROOT.rglob("*")
        if not any(p in kept or p[0] == "." for p in file.relative_to(ROOT).parts)
    )
    return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in found if file.is_file()}


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_compiled_wheel_has_extensions_that_python_takes_and_leaves_the_checkout_as_it_was(
    tmp_path: Path,
) -> None:
    before = tree()
    wheel = build(tmp_path / "wheel", HATCH_BUILD_HOOK_ENABLE_CUSTOM="true")
    assert tree() == before
    assert "none-any" not in wheel.name
    modules = HOOK["modules"]
    bin = install(wheel, tmp_path / "environment")
    program = """
import importlib, sys
from strangler.facade.compiled import is_compiled
for module in sys.argv[1:]:
    importlib.import_module(module)
    print(module, is_compiled(module))
print("strangler.facade.exchange", is_compiled("strangler.facade.exchange"))
"""
    told = run(bin, "python", "-c", program, *modules, cwd=tmp_path).splitlines()
    assert told == [*(f"{module} True" for module in modules), "strangler.facade.exchange False"]
    assert "Usage: strangler" in run(bin, "strangler", "--help", cwd=tmp_path)
