"""`cordwood analyze`: what a log says as a whole, on one screen."""

from __future__ import annotations

import dataclasses
import json

import click

from cordwood.analysis.patterns import Template, plain


@click.command()
@click.argument("path", type=click.Path())
@click.option("--plain", "as_plain", is_flag=True, help="The file holds bare messages, one a line.")
@click.option("--assignments", type=click.Path(), help="Write the pattern of each line there (with --plain).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def analyze(path: str, assignments: str | None, *, as_plain: bool, as_json: bool) -> None:
    """Say what the log PATH is made of."""
    if not as_plain:
        raise click.UsageError("only --plain files are read so far")
    templates = plain(path, assignments)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in templates], ensure_ascii=False))
    elif assignments is None:
        click.echo("\n".join(map(_line, templates)))


def _line(template: Template) -> str:
    return f"{template.count:>9,}  {template.text}"
