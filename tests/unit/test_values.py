"""Data classes made later are the standard library's data classes, from the first use on."""

import copy
import dataclasses
import inspect
import subprocess
import sys
from threading import Barrier, Thread
from typing import Any

import pytest

from exchange import hookvalues, values


def written(field: Any) -> type:
    """Return a class as a module writes it; every decorator changes the one it is given."""

    class Written:
        """Somebody's value."""

        name: str
        size: int = 3
        parts: list[str] = field(default_factory=list, repr=False)

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError(self.name)

    Written.__qualname__ = "Written"
    return Written


def decorated(*, kw_only: bool = False) -> Any:
    return values.dataclass(frozen=True, slots=True, kw_only=kw_only)(written(values.field))


def standard(*, kw_only: bool = False) -> Any:
    return dataclasses.dataclass(frozen=True, slots=True, kw_only=kw_only)(
        written(dataclasses.field)
    )


def test_nothing_is_made_before_it_is_needed() -> None:
    kind = decorated()
    for _ in range(values._BY_HAND):
        kind("a")
        assert isinstance(vars(kind)["__init__"], values._First)
    kind("a")
    assert inspect.isfunction(vars(kind)["__init__"])
    assert isinstance(vars(kind)["__eq__"], values._Later)
    assert kind("a") == kind("a")
    assert inspect.isfunction(vars(kind)["__eq__"])


@pytest.mark.parametrize("kw_only", [False, True])
def test_a_class_made_later_has_every_member_that_the_standard_library_gives(
    kw_only: bool,
) -> None:
    ours, theirs = decorated(kw_only=kw_only), standard(kw_only=kw_only)
    # `__slots__` and the descriptors of slots among them, no `__dict__` and no weak references.
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.__slots__ == theirs.__slots__
    assert ours.__match_args__ == theirs.__match_args__
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert str(dataclasses.fields(ours)) == str(dataclasses.fields(theirs))
    assert str(ours.__dataclass_params__) == str(theirs.__dataclass_params__)


def test_a_value_made_later_behaves_as_one_of_the_standard_library() -> None:
    kind = decorated()
    value = kind("a", 5, ["b"])
    assert (value.name, value.size, value.parts) == ("a", 5, ["b"])
    assert repr(value) == repr(standard()("a", 5, ["b"])) == "Written(name='a', size=5)"
    assert value == kind("a", 5, ["b"]) != kind("a", 5, ["c"])
    assert value != standard()("a", 5, ["b"])
    assert dataclasses.asdict(value) == {"name": "a", "size": 5, "parts": ["b"]}
    assert dataclasses.replace(value, size=6) == kind("a", 6, ["b"])
    assert copy.deepcopy(value) == value
    match value:
        case kind(name, size):
            assert (name, size) == ("a", 5)
        case _:
            pytest.fail("its fields are not known by position")
    assert kind("a") == kind("a", 3, [])
    assert kind("a").parts is not kind("a").parts
    assert dataclasses.is_dataclass(kind)


def test_values_made_later_are_hashed_by_their_fields() -> None:
    kind = decorated()
    assert hash(kind("a", 1, ())) == hash(kind("a", 1, ())) != hash(kind("b", 1, ()))
    with pytest.raises(TypeError, match="unhashable"):
        hash(kind("a"))


def test_the_check_of_a_class_made_later_is_run_from_the_first_value_on() -> None:
    kind = decorated()
    for _ in range(values._BY_HAND + 2):
        with pytest.raises(ValueError, match=r"^a$"):
            kind("a", -1)


@pytest.mark.parametrize("kw_only", [False, True])
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), {}),
        ((), {"size": 4}),
        (("a",), {}),
        (("a", 4), {}),
        ((), {"name": "a"}),
        ((), {"name": "a", "parts": ["b"]}),
        (("a",), {"name": "a"}),
        (("a", 4, [], 5), {}),
        ((), {"name": "a", "colour": "red"}),
        (("a",), {"size": -1}),
        (("a", 4, []), {"colour": "red"}),
    ],
)
def test_every_value_takes_what_the_standard_library_takes(
    given: tuple[object, ...], named: dict[str, object], kw_only: bool
) -> None:
    ours, theirs = decorated(kw_only=kw_only), standard(kw_only=kw_only)
    expected = outcome(theirs, given, named)
    many = values._BY_HAND + 2
    assert [outcome(ours, given, named) for _ in range(many)] == [expected] * many


def outcome(kind: Any, given: tuple[object, ...], named: dict[str, object]) -> str:
    try:
        return str(dataclasses.asdict(kind(*given, **named)))
    except (TypeError, ValueError) as refusal:
        return repr(refusal)


def test_a_field_without_a_default_must_be_stated_also_if_something_is_said_of_it() -> None:
    @values.dataclass(frozen=True, slots=True, kw_only=True)
    class Secret:
        name: str
        key: str = values.field(repr=False)

    secret = Secret(name="a", key="hidden")
    assert secret.key == "hidden"
    assert "hidden" not in repr(secret)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'key'"):
        Secret(name="a")  # type: ignore[call-arg]


def test_the_fields_of_a_class_made_later_are_no_others() -> None:
    with pytest.raises(TypeError, match="of this module"):
        values.dataclass(frozen=True, slots=True)(written(dataclasses.field))


def test_a_value_made_later_takes_by_name_what_is_said_to_be_taken_so() -> None:
    kind = decorated(kw_only=True)
    assert kind(name="a").name == "a"
    with pytest.raises(TypeError):
        kind("a")
    with pytest.raises(TypeError):
        kind()


@pytest.mark.parametrize("name", ["name", "another"])
def test_a_value_made_later_cannot_be_changed(name: str) -> None:
    value = decorated()("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, "b")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(value, name)
    assert value.name == "a"


def test_only_frozen_classes_with_slots_are_made_later() -> None:
    for given in ({"frozen": False, "slots": True}, {"frozen": True, "slots": False}):
        with pytest.raises(TypeError, match="only frozen"):
            values.dataclass(**given)


def test_threads_that_need_a_class_at_the_same_time_all_get_it() -> None:
    kind, together, made = decorated(), Barrier(4), []

    def use() -> None:
        together.wait()
        made.append((kind("a"), hash(kind("a", 1, ()))))

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [made[0]] * 4


def test_every_value_of_the_contract_is_made_later_and_a_worker_loads_little() -> None:
    kinds = {
        name for name, kind in vars(hookvalues).items() if hasattr(kind, "__dataclass_fields__")
    }
    assert len(kinds) > 12
    program = (
        "import sys, exchange.agency.worker; from exchange import hookvalues, values; "
        "print(*[name for name, kind in vars(hookvalues).items() "
        "if isinstance(vars(kind).get('__init__') if isinstance(kind, type) else 0, "
        "values._Later)]); print(*[name for name in ('_hashlib', 'asyncio', "
        "'datetime', 'importlib.metadata', 'importlib.util', 'pathlib') if name in sys.modules])"
    )
    made = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {program}"],
        check=True,
        capture_output=True,
        text=True,
    )
    later, loaded = made.stdout.split("\n")[:2]
    assert set(later.split()) == kinds
    assert loaded == ""
