"""Put the main table of docs/figures.md, with its method, into the README's marked section."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- figures: begin (written by scripts/readme_figures.py from docs/figures.md) -->"
END = "<!-- figures: end -->"


def section(figures: str) -> str:
    """The page up to its second heading, without its title."""
    _, _, body = figures.partition("# Figures\n")
    return body.partition("\n## ")[0].strip()


def filled(readme: str, body: str) -> str:
    """The README with the section's text replaced.

    Raises:
        ValueError: the markers are not there, once each and in order.
    """
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if len(marked.findall(readme)) != 1:
        raise ValueError(f"README.md needs the two markers {BEGIN!r} and {END!r}")
    return marked.sub(lambda _: f"{BEGIN}\n{body}\n\nMore rows: [docs/figures.md](docs/figures.md).\n{END}", readme)


def main() -> None:
    """Fill it."""
    readme = ROOT / "README.md"
    body = section((ROOT / "docs" / "figures.md").read_text(encoding="utf-8"))
    readme.write_text(filled(readme.read_text(encoding="utf-8"), body), encoding="utf-8")


if __name__ == "__main__":
    main()
