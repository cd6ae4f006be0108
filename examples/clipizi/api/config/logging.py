"""The loggers of clipizi's services: `from api.config.logging import get_auth_logger`.

DEBUG for all services at once, also while they run: `cordwood.set_level("services", "DEBUG")`, or in a shell
`cordwood level services DEBUG logs`, or at the start `CORDWOOD_COMPONENT_LEVELS__services=DEBUG`.
"""

from __future__ import annotations

import logging

import cordwood
from cordwood import cleanup_old_logs

__all__ = [
    "cleanup_old_logs",
    "get_audio_logger",
    "get_auth_logger",
    "get_export_logger",
    "get_image_logger",
    "get_job_logger",
    "get_pricing_logger",
    "get_project_logger",
    "get_prompt_logger",
    "get_stats_logger",
    "get_storage_logger",
    "get_track_logger",
    "get_video_logger",
    "setup_logger",
]


def setup_logger(name: str, level: int | str | None = None) -> logging.Logger:
    """A logger by its full name.

    Args:
        name: such as `services.auth_service`.
        level: its own level; None follows `services`, which is INFO unless switched.
    """
    if cordwood.LoggingManager().config is None:
        cordwood.configure(preset="clipizi")
    if level is not None:
        cordwood.set_level(name, level)
    return cordwood.get_logger(name)


def get_auth_logger() -> logging.Logger:
    """Authentication and user management."""
    return setup_logger("services.auth_service")


def get_storage_logger() -> logging.Logger:
    """File storage operations (S3/MinIO)."""
    return setup_logger("services.storage_service")


def get_prompt_logger() -> logging.Logger:
    """AI prompt generation."""
    return setup_logger("services.prompt_service")


def get_job_logger() -> logging.Logger:
    """Background job processing."""
    return setup_logger("services.job_service")


def get_project_logger() -> logging.Logger:
    """Project management."""
    return setup_logger("services.project_service")


def get_track_logger() -> logging.Logger:
    """Music track processing."""
    return setup_logger("services.track_service")


def get_video_logger() -> logging.Logger:
    """Video generation."""
    return setup_logger("services.video_service")


def get_image_logger() -> logging.Logger:
    """Image generation."""
    return setup_logger("services.image_service")


def get_audio_logger() -> logging.Logger:
    """Audio processing."""
    return setup_logger("services.audio_service")


def get_export_logger() -> logging.Logger:
    """Export operations."""
    return setup_logger("services.export_service")


def get_stats_logger() -> logging.Logger:
    """Statistics and analytics."""
    return setup_logger("services.stats_service")


def get_pricing_logger() -> logging.Logger:
    """Pricing calculations."""
    return setup_logger("services.pricing_service")
