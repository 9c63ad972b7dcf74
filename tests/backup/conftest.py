"""A real PostgreSQL for this folder's tests."""

from tests.hq.postgres import postgres_url

__all__ = ["postgres_url"]
