from tests.logged import logged

__all__ = ["logged"]
