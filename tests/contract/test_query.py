"""Every source gives the answers that plain Python gives, for random logs and queries."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from cordwood.query import Query, facets, field_names, histogram, parse
from cordwood.query.model import All, AnyOf, Field, Node, Not, Regex, Text
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract import sources
from tests.contract.sources import MS, Make, Row, answers, closing, key

START = 1_795_183_380_000 * MS  # 2026-11-20T14:03:00Z

_words = st.sampled_from(
    ["timed out", "Order 7", "ok", "a.b", "100%", "under_score", "über", "ÜBER", "x\\y", "'q'", "[z]"]
)
_texts = st.lists(_words, min_size=1, max_size=3).map(" ".join)
_exceptions = st.sampled_from(
    ["", "", 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: timed out']
)
_values: st.SearchStrategy[object] = st.one_of(
    st.integers(-5, 50), st.sampled_from(["/health", "a*b", "", "7", "7.5", "True"]), st.booleans(), st.just(1.5)
)


def _rows(fields: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[list[Row]]:
    one = st.builds(
        Row,
        time=st.integers(0, 400_000).map(lambda ms: START + ms * MS),
        level=st.sampled_from(sorted(sources.LEVELS)),
        logger=st.sampled_from(["app", "app.db", "services.auth", "services"]),
        message=_texts,
        exception=_exceptions,
        fields=fields,
    )
    return st.lists(one, max_size=12, unique_by=lambda row: row.key)


_fields = st.dictionaries(st.sampled_from(["user_id", "path", "ok"]), _values, max_size=2)


def _nodes(names: list[str]) -> st.SearchStrategy[Node]:
    levels = st.builds(
        Field,
        st.just("level"),
        st.sampled_from(["=", "<", "<=", ">", ">="]),
        st.sampled_from(["10", "20", "25", "30", "40", "50"]),
    )
    equal = st.builds(
        Field,
        st.sampled_from(["logger", *names]),
        st.just("="),
        st.sampled_from(["app", "services", "7", "/health", "true", "1.5", "a*b"]),
    )
    like = st.builds(
        Field,
        st.sampled_from(["logger", *names]),
        st.just("~"),
        st.sampled_from(["app*", "services.*", "?", "*7*", "[*"]),
    )
    there = st.builds(Field, st.sampled_from(["exception", *names]), st.just("?"), st.just(""))
    numbers = st.builds(
        Field,
        st.sampled_from(names or ["message"]),
        st.sampled_from(["<", "<=", ">", ">="]),
        st.sampled_from(["0", "7", "7.5"]),
    )
    texts = st.sampled_from(
        ["timed", "Timed", "order", "OK", "%", "_", "\\", "'", "über", "ü", "Ü", "[", "", "ValueError"]
    ).map(Text)
    regexes = st.sampled_from(["tim.d", "^ok", r"\d+", "out$"]).map(Regex)
    leaf = st.one_of(texts, levels, equal, like, there, numbers, regexes)
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(All, st.lists(inner, max_size=3).map(tuple)),
            st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        ),
        max_leaves=5,
    )


def _queries(names: list[str]) -> st.SearchStrategy[Query]:
    bounds = st.none() | st.integers(-10_000, 410_000).map(lambda ms: START + ms * MS)
    return st.builds(Query, _nodes(names), bounds, bounds)


def check(make: Make, rows: list[Row], query: Query) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(make(Path(folder), rows)) as source:
        found = list(source.select(query))
        want = [row for row in rows if answers(row, query)]
        assert sorted(map(key, found)) == sorted(row.key for row in want)
        assert source.count(query) == len(want)
        assert source.notices() == []
        by_level = Counter((row.level, row.logger) for row in want)
        assert {group.values: group.count for group in source.group(query, ["level", "logger"])} == by_level
        minutes = Counter(row.time // (60_000 * MS) * 60_000 * MS for row in want)
        per_minute: Counter[int | None] = Counter()
        for group in histogram(source, query, 60_000 * MS):
            per_minute[group.begin] += group.count
        assert per_minute == minutes
        assert len(source.last(query, 3)) == min(3, len(want))


# Shrinking a case takes minutes with a database: the first one found is short enough.
_phases = [Phase.explicit, Phase.reuse, Phase.generate]
slow = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=_phases)


@pytest.mark.parametrize(
    "make",
    [
        sources.json_file,
        sources.rotated,
        sources.gzipped,
        sources.zstandard,
        sources.parquet,
        sources.spool,
        sources.stdin,
        sources.sqlite,
    ],
)
@slow
@given(rows=_rows(_fields), query=_queries(["user_id", "path", "ok", "nothing"]))
def test_search_finds_what_a_filter_in_plain_python_finds(make: Make, rows: list[Row], query: Query) -> None:
    """In JSON, in rotated and packed siblings, archives, a spool, standard input, SQLite."""
    check(make, rows, query)


@pytest.mark.parametrize("make", [sources.text_file, sources.parquet_of_text])
@slow
@given(rows=_rows(st.just({})), query=_queries([]))
def test_search_finds_the_same_in_text(make: Make, rows: list[Row], query: Query) -> None:
    """Where records have no fields."""
    check(make, rows, query)


@settings(slow, max_examples=30)
@given(rows=_rows(_fields), query=_queries(["user_id", "path", "ok", "nothing"]))
def test_search_finds_the_same_in_postgresql(postgres: str, rows: list[Row], query: Query) -> None:
    """In a real server."""
    check(lambda _, rows: sources.database(postgres, rows), rows, query)


ROWS = [
    Row(START + n * 1000 * MS, level, logger, f"message {n}", fields={"user_id": n % 3})
    for n, (level, logger) in enumerate(
        [("INFO", "app"), ("ERROR", "app.db"), ("INFO", "app"), ("WARNING", "services.auth")] * 3
    )
]
ALL = [sources.json_file, sources.text_file, sources.rotated, sources.sqlite]


@pytest.mark.parametrize("make", ALL)
def test_answers_come_in_order_of_time_with_their_context(make: Make, tmp_path: Path) -> None:
    """What stands around an answer is marked as no answer."""
    with closing(make(tmp_path, ROWS)) as source:
        assert [entry.message for entry in source.select(parse(""))] == [row.message for row in ROWS]
        assert [entry.message for entry in source.last(parse("level:info"), 2)] == ["message 8", "message 10"]
        one = next(iter(source.select(parse('"message 5"'))))
        around = [entry.message for entry in source.context(one, 1, 2)]
        if make is not sources.rotated:
            assert around == ["message 4", "message 5", "message 6", "message 7"]
            found = [(entry.message, entry.answers) for entry in source.select(parse("5"), before=1, after=1)]
            assert found == [("message 4", False), ("message 5", True), ("message 6", False)]


@pytest.mark.parametrize("make", [sources.json_file, sources.siblings, sources.sqlite])
def test_context_is_that_of_one_request_where_it_is_asked_for(make: Make, tmp_path: Path) -> None:
    """Over the log's rotated siblings too."""
    with closing(make(tmp_path, ROWS)) as source:
        (one,) = source.select(parse('"message 5"'))
        around = source.context(one, 2, 1, parse("user_id:2"))
        assert [entry.message for entry in around] == ["message 2", "message 5", "message 8"]
        assert [entry.message for entry in source.context(one, 3, 3)] == [f"message {n}" for n in range(2, 9)]


def test_context_is_found_though_its_log_was_rotated_meanwhile(tmp_path: Path) -> None:
    with closing(sources.json_file(tmp_path, ROWS)) as source:
        (one,) = source.select(parse('"message 5"'))
        (tmp_path / "app.jsonl").rename(tmp_path / "app.jsonl.1")
        (tmp_path / "app.jsonl").write_text("")
        assert [entry.message for entry in source.context(one, 1, 1)] == ["message 4", "message 5", "message 6"]


@pytest.mark.parametrize("make", [sources.json_file, sources.rotated, sources.sqlite])
def test_the_names_of_fields_are_those_that_records_have(make: Make, tmp_path: Path) -> None:
    """What facets can be asked for."""
    with closing(make(tmp_path, ROWS)) as source:
        assert "user_id" in field_names(source, parse("level:error"))
        assert field_names(source, parse("level:critical")) == []


@pytest.mark.parametrize("make", [sources.json_file, sources.rotated, sources.sqlite])
def test_facets_count_the_commonest_values_of_the_answers(make: Make, tmp_path: Path) -> None:
    """They follow the query."""
    with closing(make(tmp_path, ROWS)) as source:
        found = facets(source, parse("-level:warning"), ["level", "logger", "user_id", "nothing"], most=2)
        assert found["level"] == [("INFO", 6), ("ERROR", 3)]
        assert found["logger"] == [("app", 6), ("app.db", 3)]
        assert sum(count for _, count in found["user_id"]) == 6
        assert found["nothing"] == []


@pytest.mark.parametrize("make", ALL)
def test_patterns_are_of_the_answers_with_shares_hours_and_values(make: Make, tmp_path: Path) -> None:
    """The most frequent first."""
    rows = [
        *ROWS,
        *(Row(START + (20 + n) * 1000 * MS, "ERROR", "app", f"Order {n} not paid", fields={}) for n in range(36)),
    ]
    with closing(make(tmp_path, rows)) as source:
        first, second = source.patterns(parse(""))
        assert (first.template, first.count, first.share) == ("Order <*> not paid", 36, 0.75)
        assert (second.template, second.count, second.logger) == ("message <*>", 12, "services.auth") or second.count
        assert sum(count for _, count in first.times) == 36
        assert first.times[0][0] is not None
        assert first.times[0][0] <= START + 20_000 * MS < first.times[0][0] + 60 * 10**9
        assert (first.first, first.last) == (START + 20_000 * MS, START + 55_000 * MS)
        assert first.values[0].kind == "integer"
        assert first.values[0].distinct == 36
        (only,) = source.patterns(parse("level:warning"))
        assert (only.template, only.count) == ("message <*>", 3) or only.count == 3
        assert source.patterns(parse(""), most=1) == [first]
        assert source.notices() == []


@pytest.mark.parametrize("make", [*ALL, sources.siblings])
def test_the_span_of_answers_is_that_of_what_is_there_within_the_query(make: Make, tmp_path: Path) -> None:
    """What a histogram is laid out by."""
    second = 1000 * MS
    with closing(make(tmp_path, ROWS)) as source:
        assert source.span(parse("")) == (START, START + 11 * second)
        assert source.span(Query(since=START - 99 * second, until=START + 99 * second)) == (START, START + 11 * second)
        first, last = source.span(Query(since=START + 3 * second, until=START + 6 * second))
        assert first == START + 3 * second
        assert last in (START + 5 * second, START + 6 * second)


def test_who_follows_gets_the_answers_that_come_and_no_others(tmp_path: Path) -> None:
    """From a file and from a database."""
    late = Row(START + 50_000 * MS, "ERROR", "app", "late 1")
    other = Row(START + 51_000 * MS, "INFO", "app", "late 2")
    with closing(sources.json_file(tmp_path, ROWS)) as files:
        following = files.follow(parse("level:error"))
        assert following.new() == []
        with (tmp_path / "app.jsonl").open("a", encoding="utf-8") as log:
            log.write(sources.as_json(late) + sources.as_json(other))
        assert [entry.message for entry in [*following.new(), *following.new()]] == ["late 1"]
        following.close()
    with closing(sources.sqlite(tmp_path, ROWS)) as rows:
        following = rows.follow(parse("level:error /late/"))
        assert following.new() == []
        sources.insert(f"sqlite:///{tmp_path / 'logs.db'}", [late, other])
        assert [entry.message for entry in following.new()] == ["late 1"]
        assert following.new() == []
        following.close()


@pytest.mark.parametrize("make", ALL)
def test_spans_of_a_day_begin_at_local_midnight(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also across the change to winter time: that day has 25 hours."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        at = [parse(f'since:"2026-10-{day}"').since for day in ("24 12:00", "25 00:30", "25 23:30", "26 00:30")]
        rows = [Row(when or 0, "INFO", "app", f"m{n}") for n, when in enumerate(at)]
        with closing(make(tmp_path, rows)) as source:
            groups = source.group(parse(""), [], 86_400 * 1000 * MS)
        begins = [parse(f"since:2026-10-{day}").since for day in (24, 25, 26)]
        assert [(group.begin, group.count) for group in groups] == list(zip(begins, (1, 2, 1), strict=True))
    finally:
        monkeypatch.undo()
        time.tzset()
