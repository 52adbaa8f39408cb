"""PNG and TIFF for tests, written byte by byte from their specifications, and so by another hand than any reader."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def packed(rows: np.ndarray, bits: int, order: str = ">") -> bytes:
    """Rows (N, samples) of `bits` bits a sample, each row filled up to a byte, the first sample in the high bits."""
    if bits in (8, 16, 32, 64):
        return rows.astype(rows.dtype.newbyteorder(order)).tobytes()
    places = (rows.astype(np.uint16)[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint16)) & 1
    return np.packbits(places.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples: np.ndarray, depth: int, colour: int, *chunks: bytes, interlaced: bool = False) -> bytes:
    """A PNG of (H, W) or (H, W, S) samples; `chunks` stand before the pixels."""
    height, width = samples.shape[:2]
    flat = samples.reshape(height, width, -1).astype(np.uint16 if depth == 16 else np.uint8)
    data = b""
    for x, y, dx, dy in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = flat[y::dy, x::dx]
        for row in part if part.size else ():
            data += b"\0" + packed(row.reshape(1, -1), depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    body = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def transparent(*key: int) -> bytes:
    """The tRNS chunk that makes one grey or colour transparent."""
    return chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))


def tiff(
    samples: np.ndarray,
    order: str = "<",
    photometric: int = 1,
    *,
    bits: int | None = None,
    big: bool = False,
    tile: int | None = None,
    rows_per_strip: int = 7,
    planar: bool = False,
    extra: tuple[int, ...] = (),
    deflate: bool = False,
    colormap: np.ndarray | None = None,
    orientation: int = 1,
    more: tuple[tuple[int, int, int], ...] = (),
) -> bytes:
    """A TIFF or BigTIFF of (H, W) or (H, W, S) samples in either byte order, in strips or tiles."""
    height, width = samples.shape[:2]
    cube = samples.reshape(height, width, -1)
    bits = bits or cube.dtype.itemsize * 8
    planes = np.moveaxis(cube, 2, 0)[..., None] if planar else cube[None]
    pieces = [packed(rows, bits, order) for plane in planes for rows in _pieces(plane, tile, rows_per_strip)]
    if deflate:
        pieces = [zlib.compress(piece) for piece in pieces]
    count = cube.shape[2]
    entries: list[tuple[int, int, list[int]]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits] * count),
        (259, 3, [8 if deflate else 1]),
        (262, 3, [photometric]),
        (274, 3, [orientation]),
        (277, 3, [count]),
        (284, 3, [2 if planar else 1]),
        (339, 3, [{"u": 1, "i": 2, "f": 3}[cube.dtype.kind]] * count),
    ]
    entries += [(322, 4, [tile]), (323, 4, [tile])] if tile else [(278, 4, [rows_per_strip])]
    entries += [(338, 3, list(extra))] if extra else []
    entries += [(320, 3, colormap.T.ravel().tolist())] if colormap is not None else []
    entries += [(tag, kind, [value]) for tag, kind, value in more]
    return _file(entries, pieces, order, 324 if tile else 273, 325 if tile else 279, big=big)


def _pieces(plane: np.ndarray, tile: int | None, rows: int) -> Iterator[np.ndarray]:
    height, width, _ = plane.shape
    if tile is None:
        for top in range(0, height, rows):
            yield plane[top : top + rows].reshape(-1, width * plane.shape[2])
        return
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield padded[top : top + tile, left : left + tile].reshape(tile, -1)


def _file(
    entries: list[tuple[int, int, list[int]]], pieces: list[bytes], order: str, offsets: int, counts: int, *, big: bool
) -> bytes:
    """Header, pieces, values that do not fit into the directory, directory."""
    word, size = ("Q", 8) if big else ("I", 4)
    body = bytearray(16 if big else 8)
    places = []
    for piece in pieces:
        places.append(len(body))
        body += piece + bytes(len(piece) % 2)
    entries = sorted([*entries, (offsets, 4, places), (counts, 4, [len(piece) for piece in pieces])])
    directory = struct.pack(order + ("Q" if big else "H"), len(entries))
    for tag, kind, values in entries:
        data = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(data) > size:
            place = len(body)
            body += data + bytes(len(data) % 2)
            data = struct.pack(order + word, place)
        directory += struct.pack(f"{order}HH{word}", tag, kind, len(values)) + data.ljust(size, b"\0")
    start = len(body)
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, start) if big else struct.pack(order + "HI", 42, start))
    body[: len(head)] = head
    return bytes(body) + directory + bytes(size)
