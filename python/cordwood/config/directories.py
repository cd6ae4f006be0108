"""Where log files go: by environment, by platform, beside a portable program, or in the temporary directory.

`application_log_dir` chooses as desktop programs do. Nothing here makes a folder, except the safe one in the temporary
directory, whose owner has to be looked at.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cordwood.errors import report

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENTS: Mapping[str, str] = {"development": "dev", "production": "prod", "testing": "test"}
PORTABLE_MARK = "portable"


def environment_log_dir(env: str, base: str = "./logs") -> str:
    """The directory of an environment: `./logs/dev`, `./logs/prod`, `./logs/test`; of others, `./logs/<name>`."""
    return f"{base}/{ENVIRONMENTS.get(env, env)}"


def platform_log_dir(app: str) -> Path:
    """The user's own directory for an application's files, and `logs` in it.

    `~/.config/<app>/logs` on Linux, `~/Library/Application Support/<app>/logs` on macOS, `AppData/Roaming/<app>/logs`
    in the user's profile on Windows.
    """
    from pathlib import Path

    import platformdirs

    return Path(platformdirs.user_config_dir(app, appauthor=False, roaming=True)) / "logs"


def portable_log_dir(executable: str | os.PathLike[str] | None = None) -> Path:
    """`logs` beside the executable; None is this process's."""
    from pathlib import Path

    return Path(executable or sys.executable).resolve().parent / "logs"


def temporary_log_dir(app: str) -> Path:
    """`<temporary directory>/<app>/logs`, made; for development.

    Everybody may make folders there. One that is another user's, a link, or open to others for writing is refused, and
    that is said on stderr: `<app>-<user's number>` is taken instead, or else the platform's directory.
    """
    for folder in _temporary_folders(app):
        problem = _untrusted(folder)
        if not problem:
            return folder / "logs"
        report(f"{folder} is not used for logs: {problem}", key=f"refused {folder}")
    return platform_log_dir(app)


def application_log_dir(
    app: str, log_dir: str | os.PathLike[str] | None = None, executable: str | os.PathLike[str] | None = None
) -> Path:
    """A desktop program's log directory.

    Args:
        app: the program's name.
        log_dir: the directory, where the caller knows it.
        executable: the program; None is this process's.

    Returns:
        The first that applies: `log_dir`; beside a portable program (a file or folder named `portable` is there too);
        the platform's directory, for a bundled program (PyInstaller and the like set `sys.frozen`); else, in
        development, the temporary one.
    """
    from pathlib import Path

    if log_dir is not None:
        return Path(log_dir)
    portable = portable_log_dir(executable)
    if os.path.exists(portable.parent / PORTABLE_MARK):  # Path's raises where nothing may be looked at
        return portable
    if getattr(sys, "frozen", False):
        return platform_log_dir(app)
    return temporary_log_dir(app)


def _temporary_folders(app: str) -> Iterator[Path]:
    try:
        import tempfile
        from pathlib import Path

        base = Path(tempfile.gettempdir())
    except FileNotFoundError as error:  # none can be written to
        report(f"there is no temporary directory for logs: {error.strerror}", key="no temporary directory")
        return
    yield base / app
    if hasattr(os, "getuid"):
        yield base / f"{app}-{os.getuid()}"


def _untrusted(folder: Path) -> str:
    """Why a folder in a place open to all cannot be used, empty if it can; made if it is not there."""
    for place in (folder, folder / "logs"):
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            pass
        except OSError as error:
            return error.strerror or str(error)
        seen = place.lstat()
        if not stat.S_ISDIR(seen.st_mode):
            return "it is a link" if stat.S_ISLNK(seen.st_mode) else "it is not a folder"
        if hasattr(os, "getuid") and seen.st_uid != os.getuid():
            return f"it is user {seen.st_uid}'s"
        if os.name == "posix" and seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "others may write there"
    return ""
