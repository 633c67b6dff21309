"""TFRecord files of tf.train.Example messages, read and written without TensorFlow.

A record is its length, a checksum of the length, the message, and a checksum of the message
(tensorflow/core/lib/io/record_writer.h); checksums are of CRC-32C, masked. Of protocol buffers the messages need
three wire types (protobuf.dev, "Encoding").
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from edge_detector.errors import ConfigError

Values = Sequence[bytes] | Sequence[float] | Sequence[int]
Features = Mapping[str, Values]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # protobuf's wire types
BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3  # the fields of a tf.train.Feature
CASTAGNOLI = 0x82F63B78  # CRC-32C's polynomial, reversed
MASK_DELTA = 0xA282EAD8
HEADER = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")


def read_examples(path: Path) -> Iterator[Features]:
    """The features of each example. Raises `ConfigError` for a file that is damaged or cut short."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            number = 0
            while header := file.read(HEADER.size):
                yield _example(path, number, _message(path, number, header, file.read, size))
                number += 1
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def is_record_file(path: Path) -> bool:
    """Whether the file begins with a record."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER.size)
    except OSError:
        return False
    return len(header) == HEADER.size and HEADER.unpack(header)[1] == masked_crc(header[:8])


def write_examples(path: Path, examples: Iterable[Features]) -> None:
    """Write the examples as TensorFlow's TFRecordWriter does."""
    with path.open("wb") as file:
        for features in examples:
            message = _encoded(features)
            length = struct.pack("<Q", len(message))
            file.write(length + CHECKSUM.pack(masked_crc(length)))
            file.write(message + CHECKSUM.pack(masked_crc(message)))


def masked_crc(data: bytes) -> int:
    """The checksum of the format, of ``data``."""
    crc = 0xFFFFFFFF
    table = _crc_table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (CASTAGNOLI if value & 1 else 0)
        return value

    return tuple(entry(value) for value in range(256))


def _message(path: Path, number: int, header: bytes, read: object, size: int) -> bytes:
    """The message behind the header. Its own checksum is not computed: Python takes a second for ten megabytes."""
    if len(header) < HEADER.size or HEADER.unpack(header)[1] != masked_crc(header[:8]):
        raise ConfigError(f"{path}: not a TFRecord file, or damaged at record {number}")
    length = HEADER.unpack(header)[0]
    message = read(length + CHECKSUM.size) if length <= size else b""  # type: ignore[operator]
    if len(message) < length + CHECKSUM.size:
        raise ConfigError(f"{path}: cut short in record {number}; copy the file again")
    return bytes(message[:length])


def _example(path: Path, number: int, message: bytes) -> Features:
    try:
        return dict(_feature(entry) for features in _field(message, 1) for entry in _field(features, 1))
    except (IndexError, KeyError, ValueError):  # a field too long, an unknown wire type, text that is no UTF-8
        raise ConfigError(f"{path}: record {number} is no tf.train.Example") from None


def _feature(entry: bytes) -> tuple[str, Values]:
    """The key and the values of an entry of the map."""
    key = b"".join(_field(entry, 1)).decode()
    for kind, content in (pair for feature in _field(entry, 2) for pair in _fields(feature)):
        return key, _values(kind, content)
    return key, ()


def _values(kind: int, content: bytes | int) -> Values:
    if not isinstance(content, bytes):
        raise ValueError("a list is a message")
    if kind == BYTES_LIST:
        return list(_field(content, 1))
    parts = [value for _, value in _fields(content)]  # one packed part, or a part for each number
    if kind == FLOAT_LIST:
        return np.frombuffer(b"".join(part for part in parts if isinstance(part, bytes)), "<f4").tolist()
    return [_signed(each) for part in parts for each in ([part] if isinstance(part, int) else _varints(part))]


def _field(message: bytes, wanted: int) -> Iterator[bytes]:
    """The contents of one field that holds bytes or messages."""
    return (content for number, content in _fields(message) if number == wanted and isinstance(content, bytes))


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The number and the content of each field: an int, or bytes, four or eight of them for a fixed one."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        if tag & 7 == VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        length, place = _content_length(message, place, tag & 7)
        if place + length > len(message):
            raise IndexError("the field is longer than the message")
        yield tag >> 3, message[place : place + length]
        place += length


def _content_length(message: bytes, place: int, wire_type: int) -> tuple[int, int]:
    if wire_type == LENGTH:
        return _varint(message, place)
    return {FIXED64: 8, FIXED32: 4}[wire_type], place


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _varints(packed: bytes) -> Iterator[int]:
    place = 0
    while place < len(packed):
        value, place = _varint(packed, place)
        yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _encoded(features: Features) -> bytes:
    entries = [_part(1, _part(1, key.encode()) + _part(2, _encoded_values(values))) for key, values in features.items()]
    return _part(1, b"".join(entries))


def _encoded_values(values: Values) -> bytes:
    """A tf.train.Feature, of bytes, floats or whole numbers."""
    if all(isinstance(each, bytes) for each in values):
        return _part(BYTES_LIST, b"".join(_part(1, bytes(each)) for each in values))  # type: ignore[arg-type]
    if any(isinstance(each, float) for each in values):
        return _part(FLOAT_LIST, _part(1, np.array(values, "<f4").tobytes()))
    return _part(INT64_LIST, _part(1, b"".join(_encoded_varint(int(each) % (1 << 64)) for each in values)))


def _part(number: int, content: bytes) -> bytes:
    return _encoded_varint(number << 3 | LENGTH) + _encoded_varint(len(content)) + content


def _encoded_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
