"""Data classes whose methods are made when the first is needed, not when their module is imported.

The standard library writes and compiles six methods for each frozen data class at import: 0.6 ms.
A worker of a plugin imports two dozen and makes values of five; that was a third of its
start (docs/performance.md). The methods are the standard library's own, whenever they are made.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
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


class _Later:
    """Stands where an attribute belongs; whoever asks for it first has all of them made."""

    __slots__ = ("_make", "_name")

    def __init__(self, name: str, make: Callable[[type], None]) -> None:
        self._name = name
        self._make = make

    def __get__(self, value: object, kind: type) -> Any:
        self._make(kind)
        return getattr(kind if value is None else value, self._name)


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
        del given["__dict__"], given["__weakref__"]

        def begin(kind: type) -> None:
            _make(kind, ["__init__"], defaults, kw_only=kw_only, repr=False, eq=False)

        def finish(kind: type) -> None:
            _make(kind, _MADE, defaults, kw_only=kw_only)

        given |= {"__slots__": names, "__setattr__": _refuse, "__delattr__": _refuse}
        given |= {name: _Later(name, finish) for name in _MADE}
        given["__init__"] = _Later("__init__", begin)
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
    from dataclasses import dataclass  # noqa: PLC0415 - see above

    same = {name: vars(kind)[name] for name in ("__module__", "__doc__", "__annotations__")}
    checks = {name: vars(kind)[name] for name in ("__post_init__",) if name in vars(kind)}
    twin = type(kind.__name__, kind.__bases__, {**same, **checks, **defaults})
    made = vars(dataclass(frozen=True, slots=True, **options)(twin))
    for name in wanted:
        setattr(kind, name, made[name])


if TYPE_CHECKING:  # checkers and readers see the data class that it is
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - exported
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> object:
        """Do what `dataclasses.dataclass` does with the same arguments, but later."""
        if not (frozen and slots):
            raise TypeError("only frozen data classes with slots are made later")
        return _later(kw_only=kw_only)
