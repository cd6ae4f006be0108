"""Exception → what a record keeps of it: type, message, text, fingerprint, frames.

The text is what `traceback` prints, to the byte, on every CPython this runs on, with one difference: a newline inside
an exception's own message or notes becomes a newline and two spaces, so that no data can pass for a line of the log.

`traceback` reads source files and computes carets for each frame on each call. Here a frame is rendered by it once
for each place in the program and kept, and so is what the frames of a whole traceback come to: the same error comes the
same way as a rule. `traceback` is asked again only for what is rare or depends on more than the place: groups, syntax
errors, "Did you mean".
"""

# ruff: noqa: PTH100, PTH117, PTH118, PTH119, PTH120  code objects hold their file as text, and text is what is compared
from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, TracebackType
from typing import NamedTuple, TypeAlias

Rendered: TypeAlias = "tuple[str, str, str, int, str]"

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
_RECURSIVE_CUTOFF = 3  # as in `traceback`: equal frames in a row that are printed
_MAX_KNOWN = 4096  # frames, and types: past it they are learned anew
_MAX_STACKS = 256  # tracebacks, likewise
_MAX_DEPTH = 100  # frames of a traceback that is kept
_MASK = (1 << 64) - 1

_BY_LINE = sys.version_info < (3, 11)  # no columns yet: the line alone decides what is printed
_HAS_NOTES = sys.version_info >= (3, 11)
# "Did you mean" on these from 3.12, and on any Python where a package has taught it to `traceback`.
_LAST_LINE_BY_TRACEBACK = (SyntaxError, NameError, AttributeError, ImportError)
_STDLIB = os.path.dirname(os.__file__) + os.sep


class _Frame(NamedTuple):
    """One place in the program, as a traceback shows it."""

    code: CodeType  # held so that its id, the key under which this is known, is not given to another
    text: str
    place: tuple[object, ...]  # what `traceback` compares to find repeated lines
    json: str
    digest: int
    own: bool


class _Kind(NamedTuple):
    """One exception type, as a traceback shows it."""

    name: str
    digest: int
    last_line: bool  # `traceback` writes the last lines: they hold more than the name and the message
    whole: bool  # `traceback` writes everything


class _Stack(NamedTuple):
    """The frames of a traceback, outermost first, and what they come to."""

    frames: tuple[_Frame, ...]
    text: str
    json: str
    digests: tuple[int, ...]  # of the functions that count for the fingerprint, each once
    mixed: dict[int, int]  # the fingerprint with these in it, by what it was without


_frames_known: dict[tuple[int, int], _Frame] = {}
_stacks_known: dict[tuple[int, ...], _Stack] = {}
_kinds_known: dict[type, _Kind] = {}


class _Link(NamedTuple):
    """One exception of a chain, and the words between it and the one printed after it."""

    value: BaseException
    stack: _Stack
    last: TracebackType | None
    joint: str


def render(value: BaseException | None, tb: TracebackType | None) -> Rendered:
    """Everything a record keeps of an exception: (type, message, text, fingerprint, frames as JSON).

    Args:
        value: the exception; None is what `exc_info=True` finds where none is handled.
        tb: its traceback, as in `sys.exc_info()[2]`.

    Never raises: what cannot be rendered is said in the text, with fingerprint 0.
    """
    try:
        if value is None:
            return "NoneType", "None", "NoneType: None", 0, "[]"
        return _render(value, tb)
    except Exception as failure:  # noqa: BLE001 the exception being logged may be of any make
        return _fallback(value, failure)


def _render(value: BaseException, tb: TracebackType | None) -> Rendered:
    links = _chain(value, tb, set())
    message = _message(value)
    if _needs_traceback(links):
        text = _by_traceback(value, tb)
    else:
        text = "".join([_link_text(link) for link in reversed(links)])
    return _kind(type(value)).name, message, text.rstrip("\n"), _fingerprint(links, set()), links[0].stack.json


def _fallback(value: object, failure: BaseException) -> Rendered:
    kind = type(value).__name__
    message = _text_of(value)
    why = f"(traceback not rendered: {type(failure).__name__})"
    return kind, message, f"{kind}: {_indented(message)}\n{why}", 0, "[]"


def _text_of(value: object, what: str = "exception", func: Callable[[object], str] = str) -> str:
    try:
        return func(value)
    except BaseException:  # noqa: BLE001 `traceback` says the same, for the same exceptions
        return f"<{what} {func.__name__}() failed>"


def _message(value: BaseException) -> str:
    try:
        return str(value)
    except BaseException:  # noqa: BLE001 not ours to raise again: `traceback` has words for it
        return str(_summary(value, None))


def _summary(value: BaseException, tb: TracebackType | None) -> traceback.TracebackException:
    """`traceback`'s view of one exception alone: with `_seen` given, its chain is not rendered as well."""
    shown = traceback.TracebackException(type(value), value, tb, lookup_lines=False, _seen=set())
    shown.exceptions = None  # type: ignore[attr-defined,unused-ignore]  # typed as on 3.10
    return shown


def _indented(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\n  ") if "\n" in text else text


def _chain(value: BaseException, tb: TracebackType | None, seen: set[int]) -> list[_Link]:
    """The exception, its cause or context, and so on; each exception once."""
    links = []
    joint = ""
    while True:
        seen.add(id(value))
        links.append(_Link(value, *_stack(tb), joint))
        cause, context = value.__cause__, value.__context__
        if cause is not None and id(cause) not in seen:
            value, joint = cause, _CAUSE
        elif context is not None and not value.__suppress_context__ and id(context) not in seen:
            value, joint = context, _CONTEXT
        else:
            return links
        tb = value.__traceback__


def _stack(tb: TracebackType | None) -> tuple[_Stack, TracebackType | None]:
    """The frames of a traceback, and its last entry."""
    places = []
    at, last = tb, None
    while at is not None:
        places.append(id(at.tb_frame.f_code))
        places.append(at.tb_lineno if _BY_LINE else at.tb_lasti)
        last = at
        at = at.tb_next
    key = tuple(places)
    return _stacks_known.get(key) or _learn_stack(key, tb), last


def _learn_stack(key: tuple[int, ...], tb: TracebackType | None) -> _Stack:
    """Put the frames together; keep that as long as it is what each place alone tells."""
    frames, kept = [], True
    while tb is not None:
        place = (id(tb.tb_frame.f_code), tb.tb_lineno if _BY_LINE else tb.tb_lasti)
        frames.append(_frames_known.get(place) or _learn(place, tb))
        kept = kept and place in _frames_known
        tb = tb.tb_next
    own = [frame.digest for frame in frames if frame.own] or [frame.digest for frame in frames]
    stack = _Stack(tuple(frames), _stack_text(frames), _frames_json(frames), tuple(dict.fromkeys(own)), {})
    if kept and len(frames) <= _MAX_DEPTH:
        if len(_stacks_known) >= _MAX_STACKS:
            _stacks_known.clear()
        _stacks_known[key] = stack
    return stack


def _learn(key: tuple[int, int], tb: TracebackType) -> _Frame:
    """Let `traceback` render one frame, and keep that."""
    code = tb.tb_frame.f_code
    single = TracebackType(None, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    stack = traceback.TracebackException(Exception, Exception(), single).stack
    if not stack:  # sys.tracebacklimit: the text comes from `traceback` then, the rest needs no source line
        stack = traceback.StackSummary.from_list([(code.co_filename, tb.tb_lineno, code.co_name, "")])
    summary = stack[0]
    path, own = _home(code.co_filename)
    function = getattr(code, "co_qualname", code.co_name)
    frame = _Frame(
        code,
        "".join(stack.format()),
        (summary.filename, summary.lineno, summary.name) if summary.lineno is not None else (object(),),
        json.dumps({"file": code.co_filename, "line": summary.lineno, "function": function}, separators=(",", ":")),
        _digest(f"{path}\0{function}"),
        own,
    )
    if tb.tb_lasti >= 0 and not hasattr(sys, "tracebacklimit"):
        if len(_frames_known) >= _MAX_KNOWN:
            _frames_known.clear()
        _frames_known[key] = frame
    return frame


def _home(filename: str) -> tuple[str, bool]:
    """Where a source file stands, the same in every deployment, and whether it is the application's own."""
    if filename.startswith("<"):
        return filename, not filename.startswith("<frozen ")
    for marker in ("site-packages", "dist-packages"):
        _, found, rest = filename.rpartition(f"{os.sep}{marker}{os.sep}")
        if found:
            return rest.replace(os.sep, "/"), False
    if filename.startswith(_STDLIB):
        return filename[len(_STDLIB) :].replace(os.sep, "/"), False
    if not os.path.isabs(filename):
        return os.path.normpath(filename).replace(os.sep, "/"), True
    roots = [root for entry in sys.path if filename.startswith(root := _folder(entry))]
    if not roots:
        return os.path.basename(filename), True
    return filename[len(max(roots, key=len)) :].replace(os.sep, "/"), True


def _folder(entry: object) -> str:
    """An entry of `sys.path` with a closing separator; a NUL, which no path holds, where it is not a folder."""
    try:
        return os.path.join(os.path.abspath(entry), "") if isinstance(entry, str) else "\0"
    except OSError:  # "" stands for a working folder that is gone
        return "\0"


def _kind(cls: type) -> _Kind:
    kind = _kinds_known.get(cls)
    if kind is None:
        name: str = cls.__qualname__
        module: object = cls.__module__
        if module not in ("__main__", "builtins"):
            name = f"{module if isinstance(module, str) else '<unknown>'}.{name}"
        # By name: on 3.10 the groups are those of a package that teaches `traceback` to print them.
        group = any(base.__name__ == "BaseExceptionGroup" for base in cls.__mro__)
        falsy = hasattr(cls, "__bool__") or hasattr(cls, "__len__")  # `traceback` drops the chain of a false one
        kind = _Kind(name, _digest(name), issubclass(cls, _LAST_LINE_BY_TRACEBACK), group or falsy)
        if len(_kinds_known) >= _MAX_KNOWN:
            _kinds_known.clear()
        _kinds_known[cls] = kind
    return kind


def _needs_traceback(links: Iterable[_Link]) -> bool:
    for link in links:
        if _kind(type(link.value)).whole:
            return True
        notes = getattr(link.value, "__notes__", None)
        if notes is not None and not (_HAS_NOTES and type(notes) is list and all(type(note) is str for note in notes)):
            return True
    return hasattr(sys, "tracebacklimit")


def _link_text(link: _Link) -> str:
    parts = [link.stack.text]
    kind = _kind(type(link.value))
    if kind.last_line:
        shown = _summary(link.value, link.last)
        _disarm(shown)
        parts += shown.format_exception_only()
    else:
        message = _indented(_message(link.value))
        parts.append(f"{kind.name}: {message}\n" if message else f"{kind.name}\n")
        parts += [_indented(note) + "\n" for note in getattr(link.value, "__notes__", ())]
    parts.append(link.joint)
    return "".join(parts)


def _stack_text(frames: Sequence[_Frame]) -> str:
    parts = ["Traceback (most recent call last):\n"] if frames else []
    last: tuple[object, ...] = ()
    count = 0
    for frame in frames:
        if frame.place != last:
            _say_repeated(count, parts)
            last = frame.place
            count = 0
        count += 1
        if count <= _RECURSIVE_CUTOFF:
            parts.append(frame.text)
    _say_repeated(count, parts)
    return "".join(parts)


def _say_repeated(count: int, parts: list[str]) -> None:
    more = count - _RECURSIVE_CUTOFF
    if more > 0:
        parts.append(f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n")


def _by_traceback(value: BaseException, tb: TracebackType | None) -> str:
    shown = traceback.TracebackException(type(value), value, tb, compact=True)
    _disarm(shown)
    return "".join(shown.format())


class _Shown:
    """Notes that are no sequence: `traceback` prints their repr."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _disarm(shown: traceback.TracebackException) -> None:
    """Indent what the exceptions themselves say, throughout the tree."""
    todo = [shown]
    while todo:
        at = todo.pop()
        at._str = _indented(at._str)  # type: ignore[attr-defined]  # noqa: SLF001 it has no public name
        for name in ("filename", "lineno", "text", "msg"):  # of a SyntaxError
            said = getattr(at, name, None)
            if isinstance(said, str) and "\n" in said.strip("\n \f"):  # the ends of a source line: not printed
                setattr(at, name, _indented(said))
        notes = _disarmed_notes(getattr(at, "__notes__", None))
        setattr(at, "__notes__", notes)  # noqa: B010 typed for what it should hold; it holds what was set
        todo += [other for other in (getattr(at, "__cause__", None), getattr(at, "__context__", None)) if other]
        todo += getattr(at, "exceptions", None) or ()


def _disarmed_notes(notes: object) -> object:
    if notes is None or isinstance(notes, (str, bytes)):
        return notes
    if isinstance(notes, Sequence):
        return [_indented(_text_of(note, "note")) for note in notes]
    return _Shown(_indented(_text_of(notes, "__notes__", repr)))


def _frames_json(frames: Sequence[_Frame]) -> str:
    """Outermost first; of frames repeated in a row those that the text shows."""
    if any(map(_same_place, frames[_RECURSIVE_CUTOFF:], frames)):
        frames = [f for n, f in enumerate(frames) if not _repeats(frames, n)]
    return f"[{','.join([frame.json for frame in frames])}]"


def _same_place(one: _Frame, other: _Frame) -> bool:
    return one.place == other.place


def _repeats(frames: Sequence[_Frame], n: int) -> bool:
    place = frames[n].place
    return n >= _RECURSIVE_CUTOFF and all(f.place == place for f in frames[n - _RECURSIVE_CUTOFF : n])


def _digest(text: str) -> int:
    import hashlib  # at the first exception, not at start-up

    raw = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big")


def _fingerprint(links: Iterable[_Link], seen: set[int]) -> int:
    """Type and own functions of each exception of the chain; each function once, so that depth of recursion is nothing.

    Frames of the standard library and of installed packages count only where there are no others.
    """
    mixed = 0xCBF29CE484222325  # FNV-1a over the digests
    for value, stack, _, _ in links:
        seen.add(id(value))
        kind = _kind(type(value))
        before = _mix(mixed, (kind.digest,))
        mixed = stack.mixed.get(before, -1)
        if mixed < 0:
            if len(stack.mixed) >= _MAX_STACKS:
                stack.mixed.clear()
            mixed = stack.mixed[before] = _mix(before, stack.digests)
        if kind.whole:
            mixed = _mix(mixed, _members(value, seen))
    return mixed or 1


def _mix(mixed: int, digests: Iterable[int]) -> int:
    for digest in digests:
        mixed = ((mixed ^ digest) * 0x100000001B3) & _MASK
    return mixed


def _members(value: BaseException, seen: set[int]) -> Iterable[int]:
    """The distinct fingerprints of a group's exceptions: how many of each there are does not matter."""
    members = getattr(value, "exceptions", ())
    return sorted({_fingerprint(_chain(e, e.__traceback__, seen), seen) for e in members if id(e) not in seen})
