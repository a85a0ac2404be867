"""HDF5 values as Arrow values, and the type that holds the values of several files.

A CellH5 file may hold more than the format says: further fields of a definition, further arrays beside the
objects. They become columns all the same, so types are found here from what lies in the file: compound values
become structs, arrays lists, fixed and variable strings text. What Arrow has no type for (references, opaque
bytes, complex numbers) has none here either, and is left to the attributes table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from blake3 import blake3
from numpy.typing import NDArray

from ...errors import SchemaError

MANTISSA_BITS = {"float16": 11, "float32": 24, "float64": 53}
TABLE_NAME_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"


def text(value: object) -> str:
    """Decode a string of the file: UTF-8, or Latin-1 where it is none; the writers mix both.

    Examples
    --------
    >>> text(b"5 \\xc2\\xb5m"), text(b"5 \\xb5m")
    ('5 µm', '5 µm')
    """
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def arrow_type(dtype: np.dtype[Any]) -> pa.DataType | None:
    """The Arrow type for one HDF5 value of this dtype, or None where there is none.

    Examples
    --------
    >>> arrow_type(np.dtype([("name", "S50"), ("voxel_size", "<f8", 3)]))
    StructType(struct<name: string, voxel_size: list<item: double>>)
    """
    if dtype.subdtype is not None:
        kind = arrow_type(dtype.subdtype[0])
        for _ in dtype.subdtype[1]:
            kind = None if kind is None else pa.list_(kind)
        return kind
    if h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU":
        return pa.string()
    if (base := h5py.check_vlen_dtype(dtype)) is not None:
        kind = arrow_type(np.dtype(base))
        return None if kind is None else pa.list_(kind)
    if dtype.names:
        fields = [(name, arrow_type(dtype[name])) for name in dtype.names]
        return None if any(kind is None for _, kind in fields) else pa.struct(fields)
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8):
        return pa.from_numpy_dtype(dtype.newbyteorder("="))
    return None


def arrow_values(values: NDArray[Any]) -> pa.Array:
    """The values as Arrow, one entry for each along the first axis.

    Examples
    --------
    >>> arrow_values(np.array([[1, 2], [3, 4]], ">i2")).to_pylist()
    [[1, 2], [3, 4]]
    """
    if values.ndim > 1:
        array = arrow_values(values.reshape(-1))
        for axis in reversed(range(1, values.ndim)):
            entries = int(np.prod(values.shape[:axis], dtype=np.int64))
            offsets = np.arange(entries + 1, dtype=np.int32) * np.int32(values.shape[axis])
            array = pa.ListArray.from_arrays(pa.array(offsets), array)
        return array
    dtype = values.dtype
    if h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU":
        return pa.array([text(value) for value in values.tolist()], pa.string())
    if h5py.check_vlen_dtype(dtype) is not None:
        return _lists(values)
    if dtype.names:
        arrays = [arrow_values(values[name]) for name in dtype.names]
        return pa.StructArray.from_arrays(arrays, names=list(dtype.names))
    return pa.array(np.ascontiguousarray(values, dtype.newbyteorder("=")))


def _lists(values: NDArray[Any]) -> pa.Array:
    base = np.dtype(h5py.check_vlen_dtype(values.dtype))
    parts = [np.asarray(value, base) for value in values.tolist()]
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
    flat = np.concatenate(parts) if parts else np.empty(0, base)
    return pa.ListArray.from_arrays(pa.array(offsets), arrow_values(flat))


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """Find the smallest type that holds every value of all of `types` exactly.

    Raises
    ------
    SchemaError
        There is none.

    Examples
    --------
    >>> common_type([pa.int32(), pa.uint8()]), common_type([pa.int16(), pa.float32()])
    (DataType(int32), DataType(float))
    """
    common = pa.null()
    for kind in types:
        common = _holding(common, kind)
    return common


def _holding(one: pa.DataType, two: pa.DataType) -> pa.DataType:
    t = pa.types
    if one.equals(two) or t.is_null(two):
        return one
    if t.is_null(one):
        return two
    if t.is_list(one) and t.is_list(two):
        return pa.list_(_holding(one.value_type, two.value_type))
    if t.is_struct(one) and t.is_struct(two) and one.names == two.names:
        return pa.struct([(name, _holding(one.field(name).type, two.field(name).type)) for name in one.names])
    if all(t.is_integer(kind) or t.is_floating(kind) for kind in (one, two)):
        common = np.result_type(one.to_pandas_dtype(), two.to_pandas_dtype())
        if all(_exact(kind, common) for kind in (one, two)):
            return pa.from_numpy_dtype(common)
    raise SchemaError(f"no column holds both {one} and {two}")


def _exact(kind: pa.DataType, common: np.dtype[Any]) -> bool:
    if pa.types.is_floating(kind) or common.kind != "f":
        return True
    bits = kind.bit_width - pa.types.is_signed_integer(kind)
    return bool(bits <= MANTISSA_BITS[common.name])


def type_to_json(kind: pa.DataType) -> Any:
    """Write a type as JSON, for evidence.

    Examples
    --------
    >>> type_to_json(pa.list_(pa.struct([("x", pa.int32())])))
    {'list': {'struct': [['x', 'int32']]}}
    """
    if pa.types.is_list(kind):
        return {"list": type_to_json(kind.value_type)}
    if pa.types.is_struct(kind):
        return {"struct": [[field.name, type_to_json(field.type)] for field in kind]}
    return str(kind)


def type_from_json(value: Any) -> pa.DataType:
    """Read a type that `type_to_json` wrote.

    Examples
    --------
    >>> type_from_json({"list": "double"})
    ListType(list<item: double>)
    """
    if isinstance(value, dict):
        if "list" in value:
            return pa.list_(type_from_json(value["list"]))
        return pa.struct([(name, type_from_json(kind)) for name, kind in value["struct"]])
    return pa.type_for_alias(value)


def table_part(name: str) -> str:
    """Make a name of the file fit into a table's name; one that had to be changed ends in its own digest.

    Examples
    --------
    >>> table_part("primary__primary"), table_part("Zellkern groß")
    ('primary__primary', 'Zellkern_gro__9df322')
    """
    fit = "".join(letter if letter in TABLE_NAME_LETTERS else "_" for letter in name)
    return fit if fit and fit == name else f"{fit}_{_digest_of(name)}"


def column_names(names: Iterable[str], taken: Iterable[str]) -> Iterator[str]:
    """Make column names of the file's names: as they are, unless empty, `taken`, or there before.

    Examples
    --------
    >>> list(column_names(["area", "path", "area"], ["path"]))
    ['area', 'path_b1ccb0', 'area_eb025f']
    """
    seen = set(taken)
    for position, name in enumerate(names):
        fit = name if name and name not in seen else f"{name}_{_digest_of(name)}"
        while fit in seen:
            fit = f"{name}_{_digest_of(f'{name} {position}')}"
            position += 1
        seen.add(fit)
        yield fit


def _digest_of(name: str) -> str:
    return str(blake3(name.encode()).hexdigest()[:6])
