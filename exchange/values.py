"""Frozen data classes whose methods are made when they are needed, not at the module's import.

The standard library writes and compiles six methods for each frozen data class at import: 0.6 ms.
A worker of a plugin imports two dozen and makes a few values of five before it is ready; that was
a third of its start (docs/performance.md). So the first values of a class are filled in by hand,
and the methods, the standard library's own, are made for whoever needs more.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

_Kind = TypeVar("_Kind", bound=type)

_MADE: Final = (
    "__repr__",
    "__eq__",
    "__hash__",
    "__getstate__",
    "__setstate__",
    "__match_args__",
    "__dataclass_fields__",
    "__dataclass_params__",
    *(("__replace__",) if sys.version_info >= (3, 13) else ()),
)
"""What the standard library gives a frozen data class with slots, beside `__init__`, which is made
alone, and the two that refuse assignments."""
_BY_HAND: Final = 8
"""Values that are filled in before it pays to have the method compiled that does it."""


class _Field:
    """What a class says of a field of its own; the standard library's is made of it later."""

    __slots__ = ("options",)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options


class _Later:
    """Stands where an attribute belongs; whoever asks for it first has all of them made."""

    __slots__ = ("_make", "_name")

    def __init__(self, name: str, make: Callable[[type], None]) -> None:
        self._name = name
        self._make = make

    def __get__(self, value: object, kind: type) -> Any:
        self._make(kind)
        return getattr(kind if value is None else value, self._name)


class _First(_Later):
    """Stands where `__init__` belongs: fills in the first values, then has it made."""

    __slots__ = ("_defaults", "_filled", "_kw_only", "_names")

    def __init__(
        self,
        make: Callable[[type], None],
        names: Sequence[str],
        defaults: Mapping[str, object],
        *,
        kw_only: bool,
    ) -> None:
        super().__init__("__init__", make)
        self._names, self._defaults, self._kw_only = names, defaults, kw_only
        self._filled = 0

    def __get__(self, value: object, kind: type) -> Any:
        if value is None or self._filled >= _BY_HAND:
            return super().__get__(value, kind)
        self._filled += 1
        return partial(self._fill, value)

    def _fill(self, value: Any, *given: object, **named: object) -> None:
        stated = {**dict(zip(self._names, given, strict=False)), **named}
        found = {**self._defaulted(stated), **stated}
        twice = len(stated) != len(given) + len(named)  # or more than there are
        if twice or found.keys() != set(self._names) or (given and self._kw_only):
            super().__get__(value, type(value))(
                *given, **named
            )  # raises: it says best what is wrong
        for name in self._names:
            object.__setattr__(value, name, found[name])
        if hasattr(value, "__post_init__"):
            value.__post_init__()

    def _defaulted(self, stated: Mapping[str, object]) -> dict[str, object]:
        """Return the values of fields that nobody has stated, of those that have a default."""
        found = {name: self._defaults[name] for name in self._defaults if name not in stated}
        for name, default in list(found.items()):
            if isinstance(default, _Field):
                del found[name]
                if "default_factory" in default.options:
                    found[name] = default.options["default_factory"]()
        return found


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - seldom needed

    raise FrozenInstanceError(f"cannot assign to field {name!r} of {type(self).__name__}")


def _later(*, kw_only: bool) -> Callable[[_Kind], _Kind]:
    """Return a decorator that leaves to `_make` what costs time.

    The class inherits from nothing, and its only special method is `__post_init__`, if any.
    """

    def slotted(kind: _Kind) -> _Kind:
        names = tuple(kind.__annotations__)
        given = {**vars(kind)}
        defaults = {name: given.pop(name) for name in names if name in given}
        if any(type(default).__module__ == "dataclasses" for default in defaults.values()):
            raise TypeError("fields are those of this module")  # no other's default is understood
        del given["__dict__"], given["__weakref__"]

        def begin(kind: type) -> None:
            _make(kind, ["__init__"], defaults, kw_only=kw_only, repr=False, eq=False)

        def finish(kind: type) -> None:
            _make(kind, _MADE, defaults, kw_only=kw_only)

        given |= {"__slots__": names, "__setattr__": _refuse, "__delattr__": _refuse}
        given |= {name: _Later(name, finish) for name in _MADE}
        given["__init__"] = _First(begin, names, defaults, kw_only=kw_only)
        # A class anew, as the standard library does it: one that exists takes no slots.
        slotted: _Kind = type(kind)(kind.__name__, kind.__bases__, given)
        return slotted

    return slotted


def _make(
    kind: type, wanted: Sequence[str], defaults: Mapping[str, object], **options: bool
) -> None:
    """Give `kind` what is wanted of its twin, a data class of the standard library.

    Another thread may do the same meanwhile: the methods of either twin do.
    """
    from dataclasses import dataclass, field  # noqa: PLC0415 - see above

    same = {name: vars(kind)[name] for name in ("__module__", "__doc__", "__annotations__")}
    checks = {name: vars(kind)[name] for name in ("__post_init__",) if name in vars(kind)}
    stated = {
        name: field(**default.options) if isinstance(default, _Field) else default
        for name, default in defaults.items()
    }
    twin = type(kind.__name__, kind.__bases__, {**same, **checks, **stated})
    made = vars(dataclass(frozen=True, slots=True, **options)(twin))
    for name in wanted:
        setattr(kind, name, made[name])


if TYPE_CHECKING:  # checkers and readers see the data class that it is
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - exported
    from dataclasses import field as field  # noqa: PLC0414 - exported
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> object:
        """Do what `dataclasses.dataclass` does with the same arguments, but later."""
        if not (frozen and slots):
            raise TypeError("only frozen data classes with slots are made later")
        return _later(kw_only=kw_only)

    def field(**options: object) -> object:
        """Do what `dataclasses.field` does, but later: a `default_factory`, or no `repr`."""
        return _Field(options)
