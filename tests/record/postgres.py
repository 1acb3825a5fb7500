"""A private PostgreSQL server for tests: loopback, a directory of its own, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live import free_port


def binaries() -> Path | None:
    """Where the newest installed server's programs are; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Postgres:
    """A server that can be stopped and started again."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self.programs, self.directory, self.port = programs, directory, free_port()
        self.url = f"postgresql://tester@127.0.0.1:{self.port}/postgres"
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user is not None:
            os.chown(directory, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "-D", str(directory / "data"), "-U", "tester", "--auth=trust", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-o", options, "-l", log, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-m", mode, "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, user=self._user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def postgres(programs: Path) -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="fusion-router-pg-", ignore_cleanup_errors=True) as directory:
        server = Postgres(programs, Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()
