"""`from utilities import logger`: the AMI backend's logger, configured when this is imported.

The level is `CORDWOOD_LEVEL`, which the start script sets; INFO without it.
"""

from __future__ import annotations

import cordwood

cordwood.configure(preset="ami_backend")
logger = cordwood.get_logger("amibackend")
