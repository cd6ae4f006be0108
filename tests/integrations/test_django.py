"""Django: the request's id is in every record, in its sync and its async handler alike."""

from __future__ import annotations

import asyncio
import logging
import sys
import types
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.logged import Logged

log = logging.getLogger("shop")


def view(request: HttpRequest) -> HttpResponse:
    log.info("at work")
    return HttpResponse("fine", status=201)


async def async_view(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    log.info("at work")
    return HttpResponse("fine")


def fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("nothing there")


class User:
    is_authenticated = True

    def get_username(self) -> str:
        return "john_doe"


def known(request: Any) -> HttpResponse:
    request._cached_user = User()
    return HttpResponse("fine", headers={"X-Request-ID": "own"})


@pytest.fixture(scope="module", autouse=True)
def _django() -> Iterator[None]:
    urls = types.ModuleType("shop_urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("x", view), path("async", async_view), path("fails", fails), path("known", known),
    ]  # fmt: skip
    sys.modules["shop_urls"] = urls
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF="shop_urls",
            MIDDLEWARE=["cordwood.integrations.django.request_log"],
            LOGGING_CONFIG=None,
            ALLOWED_HOSTS=["*"],
            SECRET_KEY="x",
        )
        django.setup()
    yield
    del sys.modules["shop_urls"]


@pytest.fixture
def client() -> Any:
    from django.test import Client, override_settings

    with override_settings(
        ROOT_URLCONF="shop_urls", MIDDLEWARE=["cordwood.integrations.django.request_log"], ALLOWED_HOSTS=["*"]
    ):
        yield Client(raise_request_exception=False)


def test_the_requests_id_is_in_every_record(client: Any, logged: Logged) -> None:
    answer = client.get("/x?y=1", headers={"x-request-id": "r-17"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (201, "r-17")
    record = logged.one("cordwood.request")
    assert record.message.startswith("GET /x 201 in ")
    assert {r.fields["request_id"] for r in (record, logged.one("shop"))} == {"r-17"}


def test_the_async_handler_does_the_same(client: Any, logged: Logged) -> None:
    from django.test import AsyncClient

    async def ask() -> Any:
        return await AsyncClient(raise_request_exception=False).get("/async", headers={"x-request-id": "r-18"})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "r-18")
    record = logged.one("cordwood.request")
    assert record.message.startswith("GET /async 200 in ")
    assert {r.fields["request_id"] for r in (record, logged.one("shop"))} == {"r-18"}


def test_a_failing_request_is_an_error(client: Any, logged: Logged) -> None:
    assert client.get("/fails").status_code == 500
    record = logged.one("cordwood.request")
    assert (record.fields["status_code"], record.level_name) == (500, "ERROR")


def test_the_user_is_named_if_the_application_asked_already(client: Any, logged: Logged) -> None:
    answer = client.get("/known")
    assert answer.headers["x-request-id"] == "own"
    assert logged.one("cordwood.request").fields["user"] == "john_doe"
