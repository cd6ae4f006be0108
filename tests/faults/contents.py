"""What is logged is itself the trouble: each odd record stands among 100 ordinary ones."""

from __future__ import annotations

import stat

from tests.faults.harness import Scene, fault


def odd(scene: Scene, code: str) -> bytes:
    """Have it log something odd between ordinary records; what stands in the file besides them."""
    writer = scene.start()
    writer.log(50)
    writer.do(code)
    writer.log(50)
    scene.stop()
    return b"\n".join(line for line in scene.file.read_bytes().split(b"\n") if not line.startswith(b"n="))


@fault("A lone surrogate in the message", rows="42", silent=True)
def lone_surrogate(scene: Scene) -> None:
    """The message holds U+DC80."""
    text = odd(scene, "say('# before %s after', chr(0xdc80))")
    if b"# before" not in text:
        scene.outcome.notes.append("dropped the record")


@fault("An argument whose __str__ fails", rows="43", silent=True)
def failing_str(scene: Scene) -> None:
    """__str__ raises ValueError."""
    text = odd(
        scene,
        "class Odd:\n    def __str__(self): raise ValueError('no')\n    __repr__ = __str__\nsay('# odd %s', Odd())",
    )
    if b"# odd" not in text:
        scene.outcome.notes.append("dropped the record")


@fault("Wrong arguments for the template", rows="43", silent=True)
def wrong_arguments(scene: Scene) -> None:
    """'%07d' is given a text, and '%s %s' one argument."""
    text = odd(scene, "say('# first %07d', 'seven'); say('# second %s %s', 1)")
    dropped = [name for name in (b"# first", b"# second") if name not in text]
    if dropped:
        scene.outcome.notes.append(f"dropped {len(dropped)} records")


@fault("A record of 200 MB", rows="44", silent=True, note="1 MB in the file")
def huge_record(scene: Scene) -> None:
    """One message of 200 MB."""
    text = odd(scene, "say('# %s', 'x' * 200_000_000)")
    megabytes = len(text) / 1e6
    scene.outcome.notes.append(f"{megabytes:,.0f} MB in the file")


@fault("Newlines, ANSI and bidi marks in the message", rows="45", silent=True)
def forged_lines(scene: Scene) -> None:
    r"""The message holds a newline with a forged line, \r, NUL, an ANSI sequence and U+202E."""
    text = odd(scene, r"say('# user %s', 'x\nn=9999999 forged\r\0\x1b[31m' + chr(0x202e) + 'fdp')")
    whole = scene.file.read_bytes()
    raw = [
        name
        for name, mark in (
            ("a line", b"\nn=9999999 forged"),
            ("ANSI", b"\x1b["),
            ("bidi", "\u202e".encode()),
            ("CR", b"\r"),
        )
        if mark in whole
    ]
    if raw:
        scene.outcome.notes.append(f"lets through {', '.join(raw)}")
    assert text


@fault("A format string from a user", rows="46", silent=True)
def user_format(scene: Scene) -> None:
    """The template is a user's text that reaches for a global, with an argument given."""
    text = odd(
        scene,
        "class Request:\n    def __init__(self): pass\n"
        "Request.__init__.__globals__['SECRET'] = 'hunter2'\n"
        "say('# {0.__init__.__globals__[SECRET]}', Request())",
    )
    if b"hunter2" in text:
        scene.outcome.notes.append("printed the secret")


@fault("A password in an argument", rows="47", silent=True)
def password(scene: Scene) -> None:
    """'password=%s' with its value."""
    if b"hunter2" in odd(scene, "say('# password=%s', 'hunter2')"):
        scene.outcome.notes.append("wrote the password")


@fault("Who may read the file", rows="48", silent=True, note="mode 0600")
def file_mode(scene: Scene) -> None:
    """The umask is 022; 100 records."""
    writer = scene.start()
    writer.do("os.umask(0o022)")
    writer.log(100)
    scene.stop()
    mode = stat.S_IMODE(scene.file.stat().st_mode)
    scene.outcome.notes.append(f"mode {mode:04o}")
    loose = [path for path in scene.spool.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not loose, loose
