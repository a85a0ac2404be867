"""A packed image: the same bits come back, from any version, and damage is seen."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from numpy.typing import NDArray

from datapkg.errors import DamageError, SchemaError, VersionError
from datapkg.packing.choice import Encoding
from datapkg.packing.codecs import CODECS, NARROW, PCODEC, RAW, ZSTD
from datapkg.packing.value import KINDS, MAGIC, SEALED, _seal, head, pack, unpack

SHAPES = hn.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)
EVEN = (np.arange(24, dtype="u2").reshape(4, 6) * 7) % 50
RGB = np.arange(36, dtype="u1").reshape(3, 4, 3)
SCALED = (np.add.outer(np.arange(128), np.arange(160)) % 251 * 257).astype("u2")
GOLDEN: dict[str, NDArray[Any]] = {
    "64706b31bcac8c31e3cda68a00753202000000000400000006000000000007000e0015001c0023002a00310006000d0014001b0022002900300005000c0013001a00210028002f0004000b00": EVEN,
    "64706b313d7bff99d952d69c0175320200000000040000000600000028b52ffd2030810100000007000e0015001c0023002a00310006000d0014001b0022002900300005000c0013001a00210028002f0004000b00": EVEN,
    "64706b31b16999b634f3f61e0275320200000000040000000600000070636f21030704060401071700001031020054ff011f000200009d058c0000": EVEN,
    "64706b3114906bcd33689fcb017531030300000003000000040000000300000028b52ffd202455000020000102030100382002": RGB,
    "64706b314a46f05d97368ad7017531030c00000003000000040000000300000028b52ffd20249d000068000102030405060708090a0b0c010035f802": RGB,
    "64706b3168be32707676f1730275320206000000040000000600000070636f210308040604010817000000250090f87f8001001af59c0aa1181a70381537aaaaaa0200": EVEN,
    "64706b318400ad5d2cc908940162310200000000040000000600000028b52ffd20031900001f1e3c": EVEN > 20,
    "64706b31e32f9026b81b7a52037532020000000004000000060000000000010128b52ffd2018c1000000070e151c232a31060d141b222930050c131a21282f040b": EVEN
    * 257,
    "64706b31b5a1f9fd3bea994303693402060000000400000006000000a8e4ffff2c01000028b52ffd20188d00004800070e151c232a2af802002a0b5a7004": EVEN.astype(
        "i4"
    )
    * 300
    - 7000,
    "64706b31e7ab1b954fd2109b0266340200000000020000000200000070636f2103050201040105030000001000f8fffffffb000100c03f000000400000f03f0000f00f00": np.array(
        [[1.5, -0.0], [np.nan, np.inf]], "f4"
    ),
}
"""Values as releases wrote them: they are read for ever."""


@st.composite
def images(draw: st.DrawFn) -> NDArray[Any]:
    """Images of any dtype, byte order and memory order; floats are any bits, payloads of NaN and -0.0 included."""
    kind = draw(st.sampled_from(KINDS))
    shape = draw(SHAPES)
    if kind == "b1":
        image = draw(hn.arrays(np.bool_, shape))
    else:
        image = draw(hn.arrays(f"<u{kind[1]}", shape)).view(f"<{kind}")
    if draw(st.booleans()):
        image = image.astype(image.dtype.newbyteorder(">"))
    turned = draw(st.sampled_from(["as is", "transposed", "reversed", "every second"]))
    if turned == "transposed":
        return image.T
    if turned == "reversed" and image.ndim:
        return image[::-1]
    return image[..., ::2] if turned == "every second" and image.ndim else image


def bits(image: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(image, image.dtype.newbyteorder("<")).tobytes()


def assert_same(found: NDArray[Any], image: NDArray[Any]) -> None:
    assert (found.dtype, found.shape) == (image.dtype.newbyteorder("="), image.shape)
    assert bits(found) == bits(image)
    assert found.dtype.isnative
    assert not found.flags.writeable


@given(images())
def test_any_image_comes_back_bit_for_bit(image: NDArray[Any]) -> None:
    assert_same(unpack(pack(image)), image)


@given(st.sampled_from(sorted(CODECS.keys() - {NARROW})), images())
def test_any_image_comes_back_from_every_codec(codec: int, image: NDArray[Any]) -> None:
    assert_same(unpack(pack(image, Encoding(codec))), image)


@st.composite
def narrow(draw: st.DrawFn) -> NDArray[Any]:
    """Images of wide integers that a byte each can hold: a first value, and multiples of a number."""
    kind = np.dtype(
        "<" + draw(st.sampled_from([kind for kind in KINDS if kind[0] in "ui" and kind[1] != "1"]))
    )
    most = draw(st.integers(1, 255))
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    factor = draw(st.integers(1, (high - low) // most))
    first = draw(st.integers(low, high - factor * most))
    numbers = draw(hn.arrays("u1", hn.array_shapes(max_dims=4, max_side=9), elements=st.integers(0, most)))
    values = [first + factor * one for one in numbers.reshape(-1).tolist()]
    return np.array(values, kind).reshape(numbers.shape)


@given(narrow(), st.data())
def test_wide_pixels_that_a_byte_can_hold_come_back(image: NDArray[Any], data: st.DataObject) -> None:
    steps = [step for step in range(image.size + 1) if not step or image.size % step == 0]
    value = pack(image, Encoding(NARROW, data.draw(st.sampled_from(steps))))
    assert_same(unpack(value), image)
    assert_same(unpack(pack(image)), image)


def test_narrow_pixels_of_any_size_are_found() -> None:
    for image in (SCALED, SCALED.astype("i4") - 70_000, SCALED.astype("u8") << 40):
        assert head(pack(image)).encoding.codec == NARROW
        assert len(pack(image)) < 0.8 * len(pack(image, Encoding(ZSTD)))


def test_what_a_byte_cannot_hold_is_not_narrowed() -> None:
    wide = SCALED.copy()
    wide[70, 90] += 1  # the sample that the common divisor is of does not see it
    assert_same(unpack(pack(wide)), wide)
    for image in (wide, EVEN.astype("f4"), EVEN > 20, RGB):
        assert head(pack(image)).encoding.codec != NARROW
        with pytest.raises(ValueError, match="a byte does not hold"):
            pack(image, Encoding(NARROW))


@pytest.mark.parametrize("codec", [RAW, ZSTD, PCODEC])
@pytest.mark.parametrize("step", [1, 3, 12])
def test_differences_of_any_step_come_back(codec: int, step: int) -> None:
    assert_same(unpack(pack(RGB, Encoding(codec, step))), RGB)
    assert_same(unpack(pack(RGB.astype(">i4") - 9, Encoding(codec, step))), RGB.astype("i4") - 9)


def test_an_image_of_a_million_pixels_comes_back() -> None:
    rng = np.random.default_rng(0)
    for dtype in ("u1", "u2", "i4", "f4"):
        image = rng.normal(50, 8, (1100, 1000)).astype(dtype)
        assert_same(unpack(pack(image)), image)


@pytest.mark.parametrize("value", GOLDEN)
def test_values_of_earlier_releases_are_read(value: str) -> None:
    assert_same(unpack(bytes.fromhex(value)), GOLDEN[value])


def test_a_head_says_what_is_in_it() -> None:
    found = head(pack(EVEN, Encoding(PCODEC)))
    assert (found.encoding, found.dtype.name, found.shape) == (Encoding(PCODEC), "uint16", (4, 6))
    assert found.pixel_bytes == EVEN.nbytes


def test_equal_images_give_equal_bytes() -> None:
    assert pack(EVEN) == pack(EVEN.astype(">u2")) == pack(np.asfortranarray(EVEN))


@pytest.mark.parametrize("dtype", ["complex64", "S3", "datetime64[s]", "O"])
def test_what_is_no_pixel_is_refused(dtype: str) -> None:
    with pytest.raises(SchemaError, match="cannot be stored"):
        pack(np.zeros((2, 2), dtype))


def test_a_constant_image_takes_almost_nothing() -> None:
    for dtype in ("bool", "u1", "u2", "f8"):
        assert len(pack(np.ones((1000, 1000), dtype))) < 1000


def test_an_image_other_than_expected_is_damage() -> None:
    value = pack(EVEN)
    assert_same(unpack(value, ("uint16", [4, 6])), EVEN)
    for expected in (("uint16", [6, 4]), ("int16", [4, 6]), ("uint16", [24])):
        with pytest.raises(DamageError, match="its row says"):
            unpack(value, expected)


@pytest.mark.parametrize("image", [EVEN, RGB, EVEN > 20, np.linspace(0, 1, 600).reshape(20, 30)])
def test_every_flipped_bit_and_every_cut_is_seen(image: NDArray[Any]) -> None:
    value = pack(image)
    for at in range(len(value)):
        for bit in (1, 16, 128):
            flipped = bytearray(value)
            flipped[at] ^= bit
            with pytest.raises(DamageError):
                unpack(bytes(flipped))
    for stop in range(len(value)):
        with pytest.raises(DamageError):
            unpack(value[:stop])
    with pytest.raises(DamageError):
        unpack(value + b"\0")


ZEROS = CODECS[ZSTD].encode(np.zeros(4, "u1"))


def sealed(body: bytes, magic: bytes = MAGIC) -> bytes:
    return magic + _seal(magic, body) + body


def test_a_later_format_or_codec_asks_for_an_update() -> None:
    body = pack(EVEN)[SEALED:]
    for value in (sealed(body, b"dpk2"), sealed(b"\xfa" + body[1:]), sealed(body[:1] + b"c8" + body[3:])):
        with pytest.raises(VersionError, match="newer datapkg"):
            unpack(value)


@pytest.mark.parametrize(
    "body",
    [
        b"\1u2\2\0\0\0\0" + b"\xff" * 8 + b"pay",  # 2^64 pixels
        b"\2u2\4\0\0\0\0" + b"\xff" * 16 + b"pco!",
        b"\1u2\7\0\0\0\0" + b"\1\0\0\0",  # less than its rank
        b"\1f4\1\1\0\0\0" + b"\4\0\0\0" + bytes(16),  # differences of floats
        b"\0u1\1\3\0\0\0" + b"\4\0\0\0" + bytes(4),  # a step that does not divide
        b"\0u1\1\0\0\0\0" + b"\4\0\0\0" + bytes(5),  # a byte too many
        b"\0b1\1\0\0\0\0" + b"\x11\0\0\0" + bytes(2),  # 17 bits in two bytes
        b"\3f4\1\0\0\0\0" + b"\4\0\0\0" + bytes(8) + ZEROS,  # floats of bytes
        b"\3b1\1\0\0\0\0" + b"\x20\0\0\0" + bytes(2) + ZEROS,  # bits of bytes
        b"\3u2\1\0\0\0\0" + b"\4\0\0\0" + bytes(3),  # less than a first value and a factor
        b"\3u2\1\0\0\0\0" + b"\5\0\0\0" + bytes(4) + ZEROS,  # too few bytes
    ],
)
def test_a_head_that_lies_is_damage(body: bytes) -> None:
    with pytest.raises(DamageError):
        unpack(sealed(body))


HOSTILE = """
import random, resource, sys
import numpy as np
import test_packing_value as t
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
chance = random.Random(int(sys.argv[1]))
rng = np.random.default_rng(int(sys.argv[1]))
known = 0
for _ in range(40):
    kind = chance.choice([k for k in t.KINDS if k != "b1"])
    image = rng.normal(60, 9, chance.choice([1, 50, 3000, 70000])).astype(kind)
    for codec in t.CODECS:
        if codec == t.NARROW:
            image = rng.integers(3, 9, image.shape).astype(chance.choice(["u2", "i4", "u8"])) * 300
        value = t.pack(image, t.Encoding(codec))
        for _ in range(15):
            body = bytearray(value[t.SEALED:])
            for _ in range(chance.randint(1, 3)):
                body[chance.randrange(min(len(body), chance.choice([30, 10**6])))] = chance.randrange(256)
            try:
                found = t.unpack(t.sealed(bytes(body[: chance.choice([None, None, chance.randrange(len(body))])])))
            except (t.DamageError, t.VersionError):
                known += 1
            else:
                assert found.nbytes == t.head(value).pixel_bytes or found.shape != image.shape or found.dtype != image.dtype
print(known)
"""


@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_were_sealed_on_purpose_crash_no_process(seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(seed)],
        capture_output=True,
        text=True,
        cwd=__file__.rpartition("/")[0],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100


def test_random_bytes_are_damage() -> None:
    chance = random.Random(1)
    for length in [*range(40), 500]:
        with pytest.raises(DamageError):
            unpack(chance.randbytes(length))
