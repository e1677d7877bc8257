"""What configurations of methods need of pydantic, for machines that have torch and no pydantic.

The numbers of a step do not depend on how its options were checked, so little is checked here: names of options, that
required ones are there, and whatever the configurations check themselves. Never imported where pydantic is installed.
"""

from __future__ import annotations

import importlib.util
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

_REQUIRED: Any = object()


def install() -> bool:
    """Put the stand-in where `import pydantic` finds it, if nothing else is found there; whether that was needed."""
    try:
        if importlib.util.find_spec("pydantic") is not None:
            return False
    except (ImportError, ValueError):
        pass
    module = ModuleType("pydantic", __doc__)
    for thing in (BaseModel, Field, ValidationError, ValidationInfo, field_validator, model_validator):
        setattr(module, thing.__name__, thing)
    module.ConfigDict, module.JsonValue = dict, Any  # type: ignore[attr-defined]
    # how options are written down, which nothing here does
    module.SerializerFunctionWrapHandler = Any  # type: ignore[attr-defined]
    module.model_serializer = lambda *, mode: lambda function: function  # type: ignore[attr-defined]
    sys.modules["pydantic"] = module
    return True


class ValidationError(ValueError):
    """Options that do not fit."""

    def errors(self, **_: Any) -> list[dict[str, Any]]:
        """One error, as pydantic lists them."""
        return [{"loc": (), "msg": str(self), "type": "value_error"}]

    def error_count(self) -> int:
        """How many there are."""
        return 1


@dataclass(frozen=True)
class ValidationInfo:
    """What a check of a field may look at: the fields before it."""

    data: dict[str, Any]


@dataclass(frozen=True)
class _Field:
    default: Any
    validate_default: bool


def Field(default: Any = _REQUIRED, *, validate_default: bool = False, **_: Any) -> Any:
    """A field's default; its bounds and its description are for pydantic."""
    return _Field(default, validate_default)


class _Check:
    """A check of some fields, or of the whole: a method that stays callable."""

    def __init__(self, fields: tuple[str, ...], function: Any) -> None:
        self.fields, self.function = fields, function

    def __get__(self, instance: Any, owner: type) -> Any:
        return self.function.__get__(instance, owner)


def field_validator(*fields: str, mode: str = "after") -> Callable[[Any], Any]:
    """Marks a check of fields."""
    return lambda function: _Check(fields, function)


def model_validator(*, mode: str) -> Callable[[Any], Any]:
    """Marks a check of the whole."""
    return lambda function: _Check((), function)


class BaseModel:
    """Values by name, in the order of the classes' annotations."""

    model_fields: ClassVar[dict[str, _Field]] = {}
    model_config: ClassVar[dict[str, Any]] = {}
    _checks: ClassVar[dict[str, _Check]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = {
            name: vars(cls).get(name, _REQUIRED)
            for name, kind in vars(cls).get("__annotations__", {}).items()
            if "ClassVar" not in str(kind) and not name.startswith("_")
        }
        fields = {n: v if isinstance(v, _Field) else _Field(v, False) for n, v in own.items()}
        cls.model_fields = cls.model_fields | fields
        cls._checks = cls._checks | {n: check for n, check in vars(cls).items() if isinstance(check, _Check)}

    def __init__(self, **values: Any) -> None:
        kind = type(self)
        if unknown := sorted(values.keys() - kind.model_fields.keys()):
            raise ValidationError(f"{unknown[0]}: unknown key")
        data: dict[str, Any] = {}
        for name, field in kind.model_fields.items():
            if name not in values and field.default is _REQUIRED:
                raise ValidationError(f"{name}: is missing")
            value = values.get(name, field.default)
            value = tuple(value) if isinstance(field.default, tuple) and isinstance(value, list) else value
            if name in values or field.validate_default:
                value = self._checked(name, value, data)
            data[name] = dict(value) if isinstance(value, dict) else value
        self.__dict__.update(data)
        for check in kind._checks.values():
            if not check.fields:
                check.__get__(self, kind)()

    def _checked(self, name: str, value: Any, data: dict[str, Any]) -> Any:
        for check in type(self)._checks.values():
            if name in check.fields:
                function = check.__get__(None, type(self))
                takes_info = len(typing.cast(Any, function).__code__.co_varnames[: function.__code__.co_argcount]) > 2
                value = function(value, ValidationInfo(data)) if takes_info else function(value)
        return value

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter({name: getattr(self, name) for name in type(self).model_fields}.items())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and dict(self) == dict(typing.cast(BaseModel, other))

    def __hash__(self) -> int:
        return hash(type(self))

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """The values by name."""
        return dict(self)

    def model_copy(self, *, update: dict[str, Any] | None = None) -> Any:
        """A copy with other values, unchecked."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__ | (update or {}))
        return copy
