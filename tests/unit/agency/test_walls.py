"""exchange.agency.walls: the filter of system calls and what each Landlock can refuse.

That the walls stand is shown with a real worker in tests/plugins/test_poison.py.
"""

import struct

import pytest

from exchange.agency import walls

ALLOW, KILL, EPERM = 0x7FFF0000, 0x80000000, 0x00050001
X86_64, AARCH64 = (walls._MACHINES[name][1] for name in ("x86_64", "aarch64"))


def verdict(program: list[bytes], *, audit: int, number: int) -> int:
    """Run a classic BPF filter as the kernel does (seccomp(2)) and return its answer."""
    seen = {0: number, 4: audit}
    at, value = 0, 0
    while True:
        code, yes, no, operand = struct.unpack("=HBBI", program[at])
        at += 1
        if code == 0x06:
            return int(operand)
        if code == 0x20:
            value = seen[operand]
        else:
            true = value == operand if code == 0x15 else value >= operand
            at += yes if true else no


@pytest.mark.parametrize("name", walls._CALLS)
def test_every_listed_call_is_refused_on_every_machine_that_has_it(name: str) -> None:
    for column, audit in walls._MACHINES.values():
        numbers = [row[column] for row in walls._CALLS.values()]
        listed = [number for number in numbers if number is not None]
        number = walls._CALLS[name][column]
        if number is not None:
            program = walls._program(audit, listed)
            assert verdict(program, audit=audit, number=number) == EPERM


@pytest.mark.parametrize("number", [0, 1, 2, 3, 8, 9, 53, 202, 231, 257, 439])
def test_reading_writing_and_waiting_are_allowed(number: int) -> None:
    listed = [row[0] for row in walls._CALLS.values()]
    assert verdict(walls._program(X86_64, listed), audit=X86_64, number=number) == ALLOW


def test_calls_of_another_machine_kill_and_the_second_table_is_refused() -> None:
    program = walls._program(X86_64, [41])
    assert verdict(program, audit=0x40000003, number=41) == KILL  # 32-bit calls
    assert verdict(program, audit=AARCH64, number=0) == KILL
    assert verdict(program, audit=X86_64, number=0x40000000 + 41) == EPERM


def test_the_filter_has_no_number_twice_and_fits_its_jumps() -> None:
    for column in (0, 1):
        numbers = [row[column] for row in walls._CALLS.values() if row[column] is not None]
        assert len(set(numbers)) == len(numbers) < 255


@pytest.mark.parametrize(
    ("version", "handled"),
    [
        (-1, (0, 0, 0)),
        (1, (0x1FFF, 0, 0)),
        (2, (0x3FFF, 0, 0)),
        (3, (0x7FFF, 0, 0)),
        (4, (0x7FFF, 3, 0)),
        (5, (0xFFFF, 3, 0)),
        (6, (0xFFFF, 3, 3)),
        (7, (0xFFFF, 3, 3)),
    ],
)
def test_each_version_of_landlock_refuses_all_it_can(
    version: int, handled: tuple[int, int, int]
) -> None:
    assert walls._handled(version) == handled
