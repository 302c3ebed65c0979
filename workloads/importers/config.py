"""Fields of a configuration, with clear refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from magnitudes.names import nearest
from workloads.model import ModelError

LARGEST = 1e12  # no size of a network comes near


class MissingFieldError(ModelError):
    """A field that a configuration should have."""


STAND_IN = 96.0  # for a field that is missing, while the others are looked for: small, with many divisors


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration's fields, with clear refusals.

    Parameters
    ----------
    where : str
        The file, for messages.
    fields : mapping of str to anything
    missing : list of str, optional
        Where it is there, fields that are missing are written down in it, and stand-ins returned: a survey of all that is missing.
    """

    where: str
    fields: Mapping[str, Any]
    missing: list[str] | None = None

    def whole(self, *keys: str) -> float:
        """The same for a count.

        Raises
        ------
        ModelError
            If it is no positive whole number.
        """
        value = self.number(*keys)
        if value != int(value):
            raise ModelError(f"{self.where}: {self._spelling(*keys)} is {value:g}; it should be a whole number")
        return value

    def whole_or(self, default: float, *keys: str) -> float:
        """The same, or `default` where none is there."""
        return self.whole(*keys) if self._spelling(*keys) else default

    def _spelling(self, *keys: str) -> str:
        """The spelling that the file has; empty, if none."""
        return next((key for key in keys if self.fields.get(key) is not None), "")

    def number(self, *keys: str) -> float:
        """The first of several spellings of a field.

        Raises
        ------
        ModelError
            If none is there, or the value is no positive number.
        """
        key = self._spelling(*keys)
        if key:
            return self._positive(key)
        near = nearest(keys[0], self.fields)
        said, hint = " or ".join(keys), f" (near: {', '.join(near)})" if near else ""
        if self.missing is not None:
            self.missing.append(said + hint)
            return STAND_IN
        raise MissingFieldError(f"{self.where}: the field {said} is missing{hint}; add it to the configuration")

    def number_or(self, default: float, *keys: str) -> float:
        """The same, or `default` where none is there."""
        return self.number(*keys) if self._spelling(*keys) else default

    def flag(self, key: str, default: bool = False) -> bool:
        """A true or false field."""
        value = self.fields.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ModelError(f"{self.where}: {key} is {value!r}; it should be true or false")
        return value

    def part(self, key: str) -> Config:
        """A configuration inside this one.

        Raises
        ------
        ModelError
            If there is none.
        """
        inner = self.fields.get(key)
        if not isinstance(inner, Mapping):
            raise ModelError(f"{self.where}: {key} is {inner!r}; it should be an object with the fields of that part")
        return Config(f"{self.where}: {key}", inner, self.missing)

    def wholes(self, key: str, *, empty: bool = False) -> tuple[float, ...]:
        """A list of counts.

        Raises
        ------
        ModelError
            If it is no list of whole numbers from 0.
        """
        value = self.fields.get(key)
        numbers = value if isinstance(value, list) else None
        if numbers is None or not (numbers or empty) or not all(type(n) is int and 0 <= n <= LARGEST for n in numbers):
            raise ModelError(f"{self.where}: {key} is {value!r}; it should be a list of whole numbers, such as [2, 2, 6, 2]")
        return tuple(float(n) for n in numbers)

    def _positive(self, key: str) -> float:
        value = self.fields[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST:
            raise ModelError(f"{self.where}: {key} is {value!r}; it should be a positive number (at most {LARGEST:g})")
        return float(value)
