"""Databases beside their ceiling and the packages of today: `make bench-stores`."""
