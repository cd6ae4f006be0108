"""The text of a query becomes plain data; what is wrong is pointed at."""

from __future__ import annotations

import pytest
from cordwood.errors import QueryError
from cordwood.query import Query, parse
from cordwood.query.model import All, AnyOf, Field, Node, Not, Regex, Text
from cordwood.query.times import SECOND, moment
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_795_183_387 * SECOND


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", All(())),
        ("timed out", All((Text("timed"), Text("out")))),
        ('"timed out"', Text("timed out")),
        (r'"a \"b\" \\"', Text(r'a "b" \ '.rstrip())),
        ("/time.?out/", Regex("time.?out")),
        (r"/a\/b c/", Regex("a/b c")),
        ("/health", Text("/health")),
        ("12:30", Text("12:30")),
        ("user_id=42", Text("user_id=42")),
        ("level>=error", Field("level", ">=", "40")),
        ("level:>=error", Field("level", ">=", "40")),
        ("level:ERROR,critical", AnyOf((Field("level", "=", "40"), Field("level", "=", "50")))),
        ("level<25", Field("level", "<", "25")),
        ("level:success", Field("level", "=", "25")),
        ("level>=Trace", Field("level", ">=", "5")),
        ("logger:services.*", Field("logger", "~", "services.*")),
        ('logger:"services.*"', Field("logger", "=", "services.*")),
        ("path:'a b' don't", All((Field("path", "=", "a b"), Text("don't")))),
        ("name:app", Field("logger", "=", "app")),
        ("user_id:42", Field("user_id", "=", "42")),
        ("user_id:42,4*", AnyOf((Field("user_id", "=", "42"), Field("user_id", "~", "4*")))),
        ('user_id:"4,2"', Field("user_id", "=", "4,2")),
        ("user_id:,", Field("user_id", "=", ",")),
        ("user_id:*", Field("user_id", "?", "")),
        ("ms>=1.5", Field("ms", ">=", "1.5")),
        ("-path:/health", Not(Field("path", "=", "/health"))),
        ("NOT ok", Not(Text("ok"))),
        ("-5 -", All((Text("-5"), Text("-")))),
        ("a OR b c", AnyOf((Text("a"), All((Text("b"), Text("c")))))),
        ("a (b OR c)", All((Text("a"), AnyOf((Text("b"), Text("c")))))),
        ("a AND -(b OR c)", All((Text("a"), Not(AnyOf((Text("b"), Text("c"))))))),
        ("ORDER ANDROID", All((Text("ORDER"), Text("ANDROID")))),
    ],
)
def test_each_form_means_its_node(text: str, node: Node) -> None:
    """Words are texts, `:` and comparisons make fields, quotes keep things whole."""
    assert parse(text, NOW).where == node


def test_times_hold_for_the_whole_query() -> None:
    """They may stand anywhere at its top, and a date may be followed by its clock."""
    query = parse("level:info since:1h until:2026-11-20 23:00 x", NOW)
    assert query.since == NOW - 3600 * SECOND
    assert query.until == moment("2026-11-20 23:00")
    assert query.where == All((Field("level", "=", "20"), Text("x")))
    from cordwood import _native

    for far in ("until:9999-12-31", "since:999999h", "since:9999999999999999999"):
        _native.check_query(parse(far, NOW).as_json())


@pytest.mark.parametrize(
    ("text", "time", "rest"),
    [
        ("since:2026-11-20 09:00 UTC x", "2026-11-20 09:00 UTC", Text("x")),
        ("since:2026-11-20 09:00 +05:30 x", "2026-11-20 09:00+05:30", Text("x")),
        ("since:09:00 Europe/Berlin x", "09:00 Europe/Berlin", Text("x")),
        ("since:2 hours ago x", "2h", Text("x")),
        ("since:last monday x", "monday", Text("x")),
        ("since:20 Nov 2026 9am x", "2026-11-20 09:00", Text("x")),
        ("since:Nov 20 14:03:07 x", "2026-11-20 14:03:07", Text("x")),
        ("since:Fri, 20 Nov 2026 14:03:07 GMT x", "2026-11-20 14:03:07Z", Text("x")),
        ("since:yesterday at 9pm x", "yesterday 21:00", Text("x")),
        ("since:1h 500ms", "1h", Text("500ms")),
        ("since:09:00 ERROR", "09:00", Text("ERROR")),
        ('since:"09:00" 10:00', "09:00", Text("10:00")),
    ],
)
def test_a_time_without_quotes_takes_the_words_that_belong_to_it(text: str, time: str, rest: Node) -> None:
    """And none of the text that is looked for."""
    query = parse(text, NOW)
    assert (query.since, query.where) == (moment(time, NOW), rest)


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("level>=eror", 7, r"no level \(did you mean error\?\)"),
        ("a level:", 2, "a value is missing"),
        ('say "hi', 4, "quote is not closed"),
        ("level=error", 5, "= is no operator; write level:VALUE, or quotes around text"),
        ("a user_id!=5", 9, "!= is no operator; write -user_id:VALUE"),
        ("(a b", 0, "bracket is not closed"),
        ("a )", 2, "closes nothing"),
        ("a ()", 2, "nothing in this bracket"),
        ("OR a", 0, "something before"),
        ("a OR", 4, "something after"),
        ("/(/", 0, "regular expression"),
        ("ms>fast", 3, "compares numbers"),
        ("since:soon", 6, "no time"),
        ("x since:25:00", 8, "hour"),
        ("since:09:00 EST", 12, "EST is not this machine's zone"),
        ("-since:1h", 1, "cannot stand"),
        ("a OR b since:1h", 0, "beside OR"),
        ("a OR since:1h", 0, "beside OR"),
        ("since:1h since:2h", 9, "twice"),
        ("since:1h until:2h", 9, "not after"),
    ],
)
def test_an_error_points_at_the_character(text: str, at: int, why: str) -> None:
    """Under a copy of the query."""
    with pytest.raises(QueryError, match=why) as raised:
        parse(text, NOW)
    assert raised.value.at == at
    assert str(raised.value).splitlines()[-2:] == [f"  {text}", f"  {' ' * at}^"]


@given(st.text(alphabet='ab:/()"\\ -ORANDNT<>=*?level since1h', max_size=30))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    """And what it becomes is what the core takes."""
    from cordwood import _native

    try:
        query = parse(text, NOW)
    except QueryError as error:
        assert 0 <= error.at <= len(text)  # noqa: PT017 either may happen
    else:
        _native.check_query(query.as_json())


def test_a_query_is_narrowed_by_a_brush_and_by_a_click() -> None:
    """As the web page does it."""
    query = Query(Text("a"), since=5).within(3, 9)
    assert (query.since, query.until) == (5, 9)
    assert query.also(Field("x", "=", "1")).where == All((Text("a"), Field("x", "=", "1")))
