"""A private MariaDB for tests, demos and benchmarks, from the binaries that the system has (Debian: `mariadb-server`).

The server writes its binlog as the connectors need it: rows, whole, with the names of their columns. It listens on
a free port of this machine only and asks for a password. It ends when the process that started it ends,
however that comes about. Where a server stands already, the variable `STRANGLER_TEST_MARIADB` names it instead.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psutil

from strangler.errors import Refused, StranglerError, Unavailable
from strangler.testing.mourner import Mourner

SETTINGS: Final = {
    "log_bin": "binlog",
    "server_id": "1",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
    "gtid_strict_mode": "ON",
    "bind_address": "127.0.0.1",
    "skip_name_resolve": "ON",
    "character_set_server": "utf8mb4",
    "default_time_zone": "+00:00",
    "max_connections": "200",
    "max_allowed_packet": "64M",
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "16M",
    # What is written reaches the operating system but not the disk: no test outlives a power cut, and a SIGKILL loses nothing.
    "innodb_flush_log_at_trx_commit": "2",
    "sync_binlog": "0",
}
"""What differs from the defaults."""

STANDING: Final = "STRANGLER_TEST_MARIADB"
"""The variable with the URL of a server that stands already, of a user who may do everything."""

_USER: Final = "erp"
_PATIENCE: Final = 60.0
# The installation runs without the tables of privileges; once they are loaded, GRANT is possible.
_ACCOUNT: Final = """
FLUSH PRIVILEGES;
GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' IDENTIFIED BY '{password}' WITH GRANT OPTION;
"""


class Standing:
    """A server that somebody else started, known by the URL of a user who may do everything."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 3306
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def url(self, database: str = "mysql") -> str:
        """The URL of a database, password included."""
        return f"{self._scheme}://{self._user}:{self._password}@{self._host}:{self._port}/{database}"

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        self._execute(f"CREATE DATABASE `{name}`")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database; one that isn't there is no error."""
        self._execute(f"DROP DATABASE IF EXISTS `{name}`")

    def start(self) -> None:
        """Nothing: it runs."""

    def stop(self) -> None:
        raise Refused("the server isn't ours to stop", why=f"{STANDING} names one that stands already")

    def kill(self) -> None:
        raise Refused("the server isn't ours to kill", why=f"{STANDING} names one that stands already")

    def _execute(self, statement: str) -> None:
        _run(
            [
                _binary("mariadb"), "--no-defaults", f"--host={self._host}", f"--port={self._port}",
                "--protocol=tcp", f"--user={self._user}", f"--execute={statement}",
            ],
            MYSQL_PWD=self._password,
        )  # fmt: skip


class Server(Standing):
    """One private server. `start`, `stop` and `kill` come in any order; the URL stays the same meanwhile."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self._data, self._log = home / "data", home / "server.log"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._mourner: Mourner | None = None
        password = home / "password"
        if not password.exists():
            _create(self._data, password)
        super().__init__(f"mariadb+pymysql://{_USER}:{password.read_text()}@127.0.0.1:{_free_port()}")

    def start(self) -> None:
        """Start and wait until connections are accepted; nothing happens when it runs already."""
        if self._process is not None and self._process.poll() is None:
            return
        own = {
            "port": str(self._port),
            "socket": str(self._data / "socket"),
            "pid_file": str(self._data / "pid"),
            # A server that starts removes temporary tables, also those of another one in the same folder.
            "tmpdir": str(self._data.parent),
        }
        options = [f"--{name}={value}" for name, value in (self._settings | own).items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [_binary("mariadbd"), "--no-defaults", f"--datadir={self._data}", f"--user={getpass.getuser()}", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        self._mourner = Mourner(self._process.pid)
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = self._log.read_text(errors="replace")[-2000:]
                raise Unavailable("the private MariaDB doesn't start", why=said)
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop in order: everything is flushed. After twenty seconds it is killed."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the server, as a power cut would; `start` recovers."""
        if self._mourner is not None:
            self._mourner.dismiss()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._mourner = self._process = None

    @property
    def pid(self) -> int:
        """The process id while it runs, for measuring."""
        assert self._process is not None, "the server doesn't run"
        return self._process.pid

    def memory(self) -> int:
        """Bytes of memory that the server holds."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def _answers(self) -> bool:
        """Whether the server greets: it does so only once it is ready."""
        try:
            with socket.create_connection((self._host, self._port), timeout=1) as probe:
                return bool(probe.recv(1))
        except OSError:
            return False


@contextlib.contextmanager
def server(path: Path | str | None = None, **settings: str) -> Iterator[Server]:
    """Start a private MariaDB and stop it at the end.

    With `path` its data stays there for the next time, otherwise it is removed. `settings` are those of the
    server, on top of `SETTINGS`: `server(binlog_row_metadata="MINIMAL")`. Raises Unavailable with the end of the
    server's log when it can't start.
    """
    home = Path(path) if path is not None else Path(tempfile.mkdtemp(prefix="strangler-mariadb-"))
    home.mkdir(parents=True, exist_ok=True)
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


@contextlib.contextmanager
def standing_or_private() -> Iterator[Standing]:
    """The server that `STRANGLER_TEST_MARIADB` names, or else a private one."""
    url = os.environ.get(STANDING)
    if url:
        yield Standing(url)
    else:
        with server() as running:
            yield running


def _create(data: Path, password: Path) -> None:
    """Make the data of a new server with one user; the password is written last, as the sign that all is there."""
    secret = secrets.token_hex(16)
    account = password.with_name("account.sql")
    account.touch(mode=0o600)
    account.write_text(_ACCOUNT.format(user=_USER, password=secret))
    try:
        _run(
            [
                _binary("mariadb-install-db"), "--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}",
                "--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=socket",
                f"--innodb-log-file-size={SETTINGS['innodb_log_file_size']}", f"--extra-file={account}",
            ],
            TMPDIR=str(data.parent),
        )  # fmt: skip
    finally:
        account.unlink()
    password.touch(mode=0o600)
    password.write_text(secret)


def _binary(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise StranglerError(
            "there is no MariaDB on this machine",
            why=f"{name} isn't found",
            do=f"apt-get install mariadb-server, or let {STANDING} name a server",
        )
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: Sequence[str], **environment: str) -> None:
    result = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, env=os.environ | environment,
    )  # fmt: skip
    if result.returncode:
        raise Unavailable(
            f"{Path(command[0]).name} failed", why=result.stdout.decode(errors="replace").strip()
        )
