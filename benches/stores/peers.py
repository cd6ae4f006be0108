"""What packages of today do: one INSERT a record, on the caller's thread."""

from __future__ import annotations

import logging
import time
from urllib.parse import parse_qs, urlsplit

import psycopg

from benches.stores.waiting import TEXT


def logtopg(url: str, count: int) -> float:
    """Rows a second of logtopg: one INSERT a record, on the caller's thread."""
    import logtopg as package

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS ltree")
    handler = package.PGHandler("bench_logtopg", parts.path.lstrip("/"), parts.username or "postgres", "", host)
    logger = logging.getLogger("bench.logtopg")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    began = time.perf_counter()
    for number in range(count):
        logger.info(TEXT, 7, number)
    return count / (time.perf_counter() - began)


def django_db_logger(url: str, count: int) -> float:
    """Rows a second of django-db-logger, the same way."""
    import django
    from django.conf import settings

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    settings.configure(
        INSTALLED_APPS=["django_db_logger"],
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": parts.path.lstrip("/"),
                               "USER": parts.username or "postgres", "HOST": host}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from django_db_logger.db_log_handler import DatabaseLogHandler

    call_command("migrate", verbosity=0)
    logger = logging.getLogger("bench.django")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(DatabaseLogHandler())
    began = time.perf_counter()
    for number in range(count):
        logger.info(TEXT, 7, number)
    return count / (time.perf_counter() - began)
