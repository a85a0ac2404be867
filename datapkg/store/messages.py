"""Messages of Google's Protocol Buffers, in which the engine describes a data file: read, and changed in some fields.

A message is a list of fields: a key, which is the field's number and how its value is written, and the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NUMBER, LONG, TEXT, SHORT = 0, 1, 2, 5
"""How a field's value is written: a number of any length, eight bytes, text or a message, four bytes."""
FIXED = {LONG: 8, SHORT: 4}
Value = int | bytes


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message, numbers and texts: the number of each, and its value.

    Raises
    ------
    ValueError
        It is none.

    Examples
    --------
    >>> list(fields(bytes([0x18, 0xAC, 0x02, 0x12, 1, 7])))
    [(3, 300), (2, b'\\x07')]
    """
    for field, value, _ in _parts(message):
        yield field, value


def replaced(message: bytes, changes: Mapping[int, Value]) -> bytes:
    """The message with other values of some fields, in their places; those that it lacks come last.

    Examples
    --------
    >>> replaced(bytes([0x18, 0xAC, 0x02, 0x12, 1, 7]), {3: 5, 5: 0})
    b'\\x18\\x05\\x12\\x01\\x07(\\x00'
    """
    left = dict(changes)
    parts = [
        field_of(field, left.pop(field)) if field in left else part for field, _, part in _parts(message)
    ]
    return b"".join([*parts, *(field_of(field, value) for field, value in left.items())])


def field_of(field: int, value: Value) -> bytes:
    """A field as it stands in a message."""
    if isinstance(value, int):
        return number_of(field << 3 | NUMBER) + number_of(value)
    return number_of(field << 3 | TEXT) + number_of(len(value)) + value


def number_of(value: int) -> bytes:
    """A number of seven bits in each byte, the lowest first.

    Examples
    --------
    >>> number_of(300)
    b'\\xac\\x02'
    """
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _parts(message: bytes) -> Iterator[tuple[int, Value, bytes]]:
    """The number of each field, its value, and both as they stand in the message."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _number(message, at)
        if key & 7 == NUMBER:
            value, at = _number(message, at)
            yield key >> 3, value, message[begin:at]
            continue
        size = FIXED.get(key & 7)
        if size is None:
            size, at = _number(message, at)
            if key & 7 != TEXT or at + size > len(message):
                raise ValueError("the end of a data file is not known")
        yield key >> 3, message[at : at + size], message[begin : at + size]
        at += size


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("the end of a data file is not known")
