"""The hook that builds a compiled wheel: what nearly every call passes through, compiled by mypyc from the same files.

Off by default; HATCH_BUILD_HOOK_ENABLE_CUSTOM=true switches it on. All that it makes lies in a folder of its own, new for each build, and
goes from there into the wheel: the source tree stays as it was, so a checkout never runs compiled unseen, and nothing of an earlier
build is met (parts of two builds in one process crash it). An editable install is never compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "strangler"
"""Of the library that all compiled modules share: `strangler__mypyc`, at the top of the wheel."""

NO_COMPILER = """\
install a C compiler and Python's headers (Debian: apt-get install gcc libc6-dev python3-dev), and build again; or build without
HATCH_BUILD_HOOK_ENABLE_CUSTOM: plain Python does the same, and takes longer for a call"""


class CompiledHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the `modules` of its section in pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._made = TemporaryDirectory(prefix="strangler-compiled-")
        with chdir(self.root):
            made = compile_into(Path(self._made.name), files_of(self.config["modules"]))
        build_data["pure_python"], build_data["infer_tag"] = False, True
        build_data["force_include"] |= inside(made)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._made.cleanup()


def files_of(modules: Sequence[str]) -> list[str]:
    """Their files, below the folder in which the build runs. Raises SystemExit where there is none."""
    files = [f"{module.replace('.', '/')}.py" for module in modules]
    if missing := [file for file in files if not Path(file).is_file()]:
        refuse(f"there is no {', '.join(missing)}", "correct the list of modules in pyproject.toml")
    return files


def inside(folder: Path) -> dict[str, str]:
    """Where in the wheel each file of the folder goes: to the place that it has in the folder."""
    return {str(file): file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def compile_into(folder: Path, files: Sequence[str]) -> Path:
    """The folder in the folder that has the extension modules. Raises SystemExit that says what to do."""
    # Setuptools first: mypyc takes its word for what an extension is.
    from setuptools import Distribution
    from setuptools.errors import BaseError, CompileError, LinkError

    from mypyc.build import mypycify  # isort: skip

    # Only what is compiled is judged: the rest may import extras that aren't installed where it is built.
    options = [
        "--config-file",
        "pyproject.toml",
        "--follow-imports",
        "silent",
        "--cache-dir",
        str(folder / "cache"),
    ]
    try:
        extensions = mypycify(
            [*options, *files], opt_level="3", debug_level="0", target_dir=str(folder / "c"), group_name=NAME
        )
    except SystemExit:
        refuse(
            "mypyc doesn't take it, and says why above", "correct that, or take it off the list of modules"
        )
    command = Distribution({"name": NAME, "ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "o")
    try:
        command.ensure_finalized()
        command.run()
    except (BaseError, CompileError, LinkError) as error:
        refuse(str(error), NO_COMPILER)
    return folder / "lib"


def refuse(why: str, do: str) -> NoReturn:
    """End the build."""
    sys.exit(f"strangler couldn't be compiled: {why}\ndo: {do}")
