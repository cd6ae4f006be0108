"""What a record keeps of an exception."""

# ruff: noqa: B904, F821, N818, TRY301  exceptions of every make, raised in every way
# mypy: disable-error-code="name-defined,import-not-found,index,func-returns-value"
from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
import traceback
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cordwood.capture import exceptions
from cordwood.capture.exceptions import render
from hypothesis import given, settings
from hypothesis import strategies as st


class Failing(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Quiet(Exception):
    def __bool__(self) -> bool:
        return False


class Outer:
    class Inner(Exception):
        pass


def recurse(n: int) -> None:
    if n:
        recurse(n - 1)
    raise ValueError("deep")


def ping(n: int) -> None:
    pong(n - 1) if n else 1 / 0


def pong(n: int) -> None:
    ping(n)


def plain() -> None:
    raise ValueError("plain text")


def empty() -> None:
    raise ValueError


def carets() -> None:
    a = {"x": {"y": None}}
    print(len(a["x"]["y"]["z"]) + 1, "näïve 漢字", a)


def several_lines() -> None:
    print(
        "a",
        1 / 0,
        [
            1,
            2,
        ],
    )


def whole_line_call() -> object:
    return plain()


def cause() -> None:
    try:
        plain()
    except ValueError as error:
        raise KeyError("k") from error


def context() -> None:
    try:
        cause()
    except KeyError:
        carets()


def suppressed() -> None:
    try:
        plain()
    except ValueError:
        raise KeyError("k") from None


def cause_cycle() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


def context_of_cause() -> None:
    try:
        suppressed()
    except KeyError as error:
        other = OSError(2, "No such file", "f")
        other.__cause__ = error
        try:
            raise other
        except OSError:
            raise Outer.Inner("last")


def quiet() -> None:
    try:
        plain()
    except ValueError:
        raise Quiet("false")


def failing() -> None:
    raise Failing


def repeated() -> None:
    recurse(20)


def repeated_once() -> None:
    recurse(4)


def mutual() -> None:
    ping(6)


def recursion_limit() -> None:
    def down() -> None:
        down()

    down()


def lambdas() -> None:
    list(map(lambda v: 1 / v, [1, 0]))  # noqa: C417 a lambda is the point


def no_source() -> None:
    exec(compile("def f():\n  raise ValueError('x')\nf()", "<generated>", "exec"), {})


def missing_file() -> None:
    exec(compile("def f():\n  raise ValueError('x')\nf()", "/nowhere/at_all.py", "exec"), {})


def standard_library() -> None:
    json.loads("{]")


def syntax() -> None:
    compile("x = 1\n  y = = 2\n", "bad.py", "exec")


def syntax_long() -> None:
    compile("def f():\n    return (1, 2\n\nf(a b)", "bad.py", "exec")


def syntax_by_hand() -> None:
    raise SyntaxError("by hand", ("f.py", 3, 5, "    some text\n"))


def syntax_bare() -> None:
    raise SyntaxError


def name_error() -> None:
    some_value = 1
    print(some_valeu, some_value)


def name_of_module() -> None:
    math.sin(1)


def attribute_error() -> None:
    "".joinn([])  # type: ignore[attr-defined]


def import_error() -> None:
    from json import loadz  # type: ignore[attr-defined]  # noqa: F401


def import_missing() -> None:
    import no_such_module_at_all  # noqa: F401


def name_error_with_cause() -> None:
    try:
        attribute_error()
    except AttributeError as error:
        try:
            name_error()
        except NameError as other:
            raise other from error


def tracebackless_cause() -> None:
    raise ValueError("a") from KeyError("never raised")


def exit_text() -> None:
    raise SystemExit("bye")


def class_without_module() -> None:
    raise type("Odd", (Exception,), {"__module__": 7})("odd")


def artificial_line() -> None:
    try:
        plain()
    except ValueError as error:
        tb = error.__traceback__
        assert tb is not None
        raise error.with_traceback(types.TracebackType(tb, tb.tb_frame, tb.tb_lasti, 4))


def artificial_place() -> None:
    try:
        plain()
    except ValueError as error:
        tb = error.__traceback__
        assert tb is not None
        raise error.with_traceback(types.TracebackType(None, tb.tb_frame, -1, 4))


def surrogates() -> None:
    raise ValueError("\ud800 \x00 \x1b[31m")


CASES: list[Callable[[], object]] = [
    plain, empty, carets, several_lines, whole_line_call, cause, context, suppressed, cause_cycle, context_of_cause,
    quiet, failing, repeated, repeated_once, mutual, recursion_limit, lambdas, no_source, missing_file,
    standard_library, syntax, syntax_long, syntax_by_hand, syntax_bare, name_error, name_of_module, attribute_error,
    import_error, import_missing, name_error_with_cause, tracebackless_cause, exit_text, class_without_module,
    artificial_line, artificial_place, surrogates,
]  # fmt: skip


def with_notes(*notes: object) -> Callable[[], None]:
    def noted() -> None:
        error = ValueError("noted")
        error.__notes__ = list(notes)  # type: ignore[attr-defined]
        raise error

    return noted


def odd_notes(notes: object) -> Callable[[], None]:
    def noted() -> None:
        error = ValueError("noted")
        error.__notes__ = notes  # type: ignore[attr-defined]
        raise error from KeyError("cause")

    return noted


CASES += [with_notes("one"), with_notes("one", "", "two"), with_notes(3, Failing()), with_notes()]
CASES += [odd_notes(("a", "b")), odd_notes(7), odd_notes("text"), odd_notes(b"bytes"), odd_notes(Failing())]

if sys.version_info >= (3, 11):

    def group() -> None:
        members: list[Exception] = []
        for fail in (plain, cause, with_notes("n"), name_error, syntax):
            try:
                fail()
            except Exception as error:  # noqa: PERF203 five members
                members.append(error)
        raise ExceptionGroup("several", [*members, ExceptionGroup("nested", [TypeError("t")])])

    def group_as_cause() -> None:
        try:
            group()
        except ExceptionGroup as error:
            raise RuntimeError("after") from error

    def group_deep() -> None:
        error: Exception = ValueError(0)
        for n in range(14):
            error = ExceptionGroup(f"g{n}", [error])
        raise error

    def group_wide() -> None:
        raise ExceptionGroup("wide", [ValueError(n) for n in range(20)])

    CASES += [group, group_as_cause, group_deep, group_wide]


def caught(fail: Callable[[], object]) -> BaseException:
    try:
        fail()
    except BaseException as error:
        return error
    raise AssertionError("it was to fail")


def printed(error: BaseException) -> str:
    return logging.Formatter().formatException((type(error), error, error.__traceback__))


@pytest.mark.parametrize("fail", CASES, ids=lambda fail: fail.__name__)
def test_text_is_what_python_prints(fail: Callable[[], object]) -> None:
    """First time, from the cache, and inside another stack: always the text of `traceback`, to the byte."""
    for _ in range(3):
        error = caught(fail)
        assert render(error, error.__traceback__)[2] == printed(error)
    error = caught(lambda: fail())  # noqa: PLW0108 another stack
    assert render(error, error.__traceback__)[2] == printed(error)


@settings(deadline=None)  # the machine may be busy
@given(
    depth=st.integers(0, 8),
    repeats=st.integers(0, 8),
    links=st.lists(st.sampled_from(["from", "none", "in"]), max_size=5),
)
def test_any_stack_and_chain_is_what_python_prints(depth: int, repeats: int, links: list[str]) -> None:
    """Whatever the chain and the recursion, the text is that of `traceback`."""

    def stack(n: int) -> None:
        stack(n - 1) if n else recurse(repeats)

    error = caught(lambda: stack(depth))
    for link in links:
        inner = error

        def wrap(link: str = link, inner: BaseException = inner) -> None:
            try:
                raise inner
            except BaseException as e:
                if link == "in":
                    raise KeyError(link)
                raise KeyError(link) from (e if link == "from" else None)

        error = caught(wrap)
    assert render(error, error.__traceback__)[2] == printed(error)


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.characters(exclude_characters="\n\r", exclude_categories=[]), max_size=20))
def test_any_one_line_message_is_as_python_prints_it(message: str) -> None:
    """A message without newlines is left alone, whatever it holds."""
    error = ValueError(message)
    assert render(error, None)[2] == printed(error)


FORGED = "x\n2026-01-01 00:00:00,000 - app - INFO - forged\r\nend\n"
INDENTED = "x\n  2026-01-01 00:00:00,000 - app - INFO - forged\n  end\n  "


@pytest.mark.parametrize("make", [ValueError, SyntaxError, AttributeError, lambda m: NameError(m, name="xyz")])
def test_newlines_in_a_message_are_indented(make: Callable[[str], Exception]) -> None:
    """An exception's message cannot begin a line of the log."""
    assert render(make(FORGED), None)[2].endswith(f"Error: {INDENTED}")


def test_newlines_in_messages_along_the_chain_are_indented() -> None:
    """A cause's message is data as well."""
    error = ValueError("last")
    error.__cause__ = KeyError("k")
    error.__cause__.__context__ = OSError(FORGED)
    assert INDENTED in render(error, None)[2]
    assert "\n2026" not in render(error, None)[2]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with 3.11")
@pytest.mark.parametrize("notes", [[FORGED], (FORGED,), [FORGED, 3], [FORGED.encode(), FORGED]], ids=repr)
def test_newlines_in_notes_are_indented(notes: object) -> None:
    """A note cannot begin a second line of the log, however the notes are kept."""
    error = ValueError("m")
    error.__notes__ = notes  # type: ignore[attr-defined]
    text = render(error, None)[2]
    assert INDENTED in text
    assert "\n2026" not in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with 3.11")
def test_newlines_inside_groups_are_indented() -> None:
    """The members of a group are shown indented, and what they say once more."""
    error = ExceptionGroup(FORGED, [ValueError(FORGED), SyntaxError("s", ("f\nile", 1, 1, "te\nxt"))])
    text = render(error, None)[2]
    assert "|   2026" in text
    assert all(line.lstrip()[:1] in ("|", "+", "E") for line in text.split("\n"))


def test_a_syntax_errors_file_and_text_are_indented() -> None:
    """Source text and file name of a SyntaxError are data of whoever raised it."""
    text = render(SyntaxError("m", ("f\nx", 1, 3, "a\nb\n")), None)[2]
    assert "f\n  x" in text
    assert "a\n  b" in text


def test_message_and_type_are_kept_as_they_are() -> None:
    """Stores hold the message unindented, and the qualified name of the type."""
    error = caught(standard_library)
    assert render(error, error.__traceback__)[:2] == ("json.decoder.JSONDecodeError", str(error))
    assert render(ValueError("a\nb"), None)[:2] == ("ValueError", "a\nb")
    assert render(Failing(), None)[:2] == (
        f"{__name__}.Failing",
        str(traceback.TracebackException(Failing, Failing(), None)),
    )


def test_frames_are_listed_outermost_first() -> None:
    """The structured frames are those of the exception itself, with file, line and function."""
    error = caught(whole_line_call)
    frames = json.loads(render(error, error.__traceback__)[4])
    assert [frame["function"] for frame in frames] == ["caught", "whole_line_call", "plain"]
    assert {frame["file"] for frame in frames} == {__file__}
    assert [f["line"] for f in frames] == [e.lineno for e in traceback.extract_tb(error.__traceback__)]


def test_repeated_frames_are_listed_three_times() -> None:
    """Endless recursion does not make an endless list."""
    error = caught(recursion_limit)
    frames = json.loads(render(error, error.__traceback__)[4])
    assert len(frames) == 5


def test_no_exception_is_said_as_stdlib_says_it() -> None:
    """`exc_info=True` where nothing is handled."""
    assert render(None, None)[2] == logging.Formatter().formatException((None, None, None)) == "NoneType: None"


def test_tracebacklimit_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.tracebacklimit` cuts the text as it does for Python, and leaves no trace once it is gone."""
    error = caught(context)
    full = printed(error)
    for limit in (0, 1):
        monkeypatch.setattr(sys, "tracebacklimit", limit, raising=False)
        assert render(error, error.__traceback__)[2] == printed(error)
    monkeypatch.delattr(sys, "tracebacklimit")
    assert render(error, error.__traceback__)[2] == full


def test_a_failure_of_its_own_is_said_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering never raises: what can be said is said, and that the rest could not."""

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(exceptions, "_chain", broken)
    assert render(ValueError("a\nb"), None) == (
        "ValueError", "a\nb", "ValueError: a\n  b\n(traceback not rendered: MemoryError)", 0, "[]",
    )  # fmt: skip


def test_what_is_no_exception_is_said_too() -> None:
    """`exc_info=(kind, "text", None)`: stdlib's own formatter fails on it."""
    assert render("text", None)[:2] == ("str", "text")  # type: ignore[arg-type]


def test_memory_of_frames_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code made at run time does not fill the memory."""
    monkeypatch.setattr(exceptions, "_MAX_KNOWN", 10)
    for n in range(50):
        error = caught(partial(exec, f"def f{n}():\n 1/0\nf{n}()", {}))
        assert render(error, error.__traceback__)[2] == printed(error)
        assert len(exceptions._frames_known) <= 10


def fingerprint(fail: Callable[[], object]) -> int:
    error = caught(fail)
    return render(error, error.__traceback__)[3]


def test_fingerprint_tells_type_and_path_of_functions() -> None:
    """Same type by the same functions is the same trouble; another type, function or cause is another."""
    seen = [
        fingerprint(f) for f in (plain, empty, whole_line_call, cause, context, suppressed, failing, standard_library)
    ]
    assert len(set(seen)) == len(seen)
    assert seen[0] == fingerprint(plain)
    assert all(0 < one < 2**64 for one in seen)


def test_fingerprint_knows_no_message_and_no_depth() -> None:
    """What varies from one event to the next does not count."""
    assert fingerprint(lambda: recurse(2)) != fingerprint(plain)

    def at(n: int) -> int:
        return fingerprint(lambda: recurse(n))

    assert len({at(n) for n in (1, 2, 9)}) == 1


PROGRAM = """
    import sys, json
    from cordwood.capture.exceptions import render
    from helper import work
    def main():
        try:
            work(json)
        except Exception as error:
            print(render(error, error.__traceback__)[3])
    main()
"""
HELPER = "def work(json):\n    {blank}json.loads('{{]')\n"


def deployed(folder: Path, seed: str, blank: str = "") -> str:
    folder.mkdir()
    (folder / "main.py").write_text(textwrap.dedent(PROGRAM))
    (folder / "helper.py").write_text(HELPER.format(blank=blank))
    package = str(Path(exceptions.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, str(folder / "main.py")], env={"PYTHONPATH": package, "PYTHONHASHSEED": seed},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_fingerprint_is_the_same_in_every_process_and_deployment(tmp_path: Path) -> None:
    """Neither the folder, nor the hash seed, nor a moved line changes it."""
    first = deployed(tmp_path / "one", "1")
    assert int(first)
    assert first == deployed(tmp_path / "two", "2", blank="pass\n\n    ")
