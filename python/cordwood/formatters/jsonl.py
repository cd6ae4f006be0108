"""Writes one flat JSON object a line: template, message, fields with their types, structured exceptions.

Names are Cordwood's own or those of ECS, OpenTelemetry or Google Cloud; a value JSON cannot hold is written as text.
"""

from __future__ import annotations

from typing import Literal

from cordwood.plain import Frozen


class JsonFormatter(Frozen):
    """JSON lines.

    Args:
        names: whose names the object's keys have: `cordwood`, `ecs`, `otel` or `gcp`.
        project: Google Cloud's project, which stands in the names of its traces.
    """

    names: Literal["cordwood", "ecs", "otel", "gcp"] = "cordwood"
    project: str | None = None

    def spec(self) -> dict[str, object]:
        """What the core needs to write it."""
        return {"kind": "json", "names": self.names, **({"project": self.project} if self.project else {})}
