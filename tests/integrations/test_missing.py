"""What an integration needs and is not there is named, with the line that installs it."""

from __future__ import annotations

import importlib
import sys

import pytest
from cordwood.errors import MissingExtraError


@pytest.mark.parametrize(
    ("integration", "package", "install"),
    [
        ("celery", "celery", "pip install celery"),
        ("django", "django.http", "pip install django"),
        ("flask", "flask", "pip install flask"),
        ("gunicorn", "gunicorn", "pip install gunicorn"),
        ("prometheus", "prometheus_client", 'pip install "cordwood[prometheus]"'),
    ],
)
def test_a_missing_package_is_named(
    integration: str, package: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"cordwood.integrations.{integration}"
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingExtraError) as caught:
        importlib.import_module(name)
    assert str(caught.value) == f"{name} needs a package that is not installed; type: {install}"
