"""The independent reader: finds a file's marks byte by byte, with nothing of what wrote them.

Neither Pillow nor c2pa is imported. PNG: chunks (W3C PNG, section 5). JPEG: segments (ITU-T T.81, annex B; JUMBF in
APP11: ISO/IEC 19566-5). WebP: RIFF chunks (RFC 9649). C2PA: JUMBF boxes with CBOR inside (RFC 8949).
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
FIELDS = ("Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")
PNG, RIFF, JPEG = b"\x89PNG\r\n\x1a\n", b"RIFF", b"\xff\xd8"
XMP_JPEG, XMP_PNG = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0"


class Marks(NamedTuple):
    """What a file says of itself.

    aigc: the label of GB 45438-2025, or None; source: the digital source type of the C2PA manifest, or ""; intact:
    does the manifest's hash fit the rest of the file, None without a manifest. The signature is not checked.
    """

    aigc: dict[str, str] | None
    source: str
    intact: bool | None


def read_marks(data: bytes) -> Marks:
    """The marks in a PNG, JPEG or WebP file; ValueError for other or broken files."""
    try:
        parts = list(_parts(data))
        manifest = b"".join(body for kind, body in parts if kind == "c2pa")
        claims = dict(_assertions(manifest)) if manifest else {}
        actions = next((value for label, value in claims.items() if label.startswith("c2pa.actions")), {})
        source = next((a.get("digitalSourceType", "") for a in actions.get("actions", [])), "")
        intact = _intact(data, claims) if manifest else None
    except (struct.error, LookupError, TypeError, AttributeError, RecursionError) as error:  # lengths and kinds gone wrong
        raise ValueError(f"the file or its manifest is broken ({type(error).__name__}: {error}).") from None
    return Marks(next((found for kind, body in parts if kind == "xmp" and (found := _aigc(body))), None), source, intact)


def _aigc(packet: bytes) -> dict[str, str] | None:
    """The AIGC label of an XMP packet; None where there is none, or none that can be read."""
    try:
        values = (element.get(f"{{{NAMESPACE}}}AIGC") for element in ElementTree.fromstring(packet).iter())
        found = json.loads(next((value for value in values if value), "null"))
    except (ElementTree.ParseError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and set(FIELDS) <= set(found) else None


def _parts(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(PNG):
        yield from _png(data)
    elif data.startswith(RIFF) and data[8:12] == b"WEBP":
        for kind, body, _ in _chunks(data, 12, "<4sI", 0, even=True):
            if kind in (b"XMP ", b"C2PA"):
                yield {b"XMP ": "xmp", b"C2PA": "c2pa"}[kind], body
    elif data.startswith(JPEG):
        yield from _jpeg(data)
    else:
        raise ValueError(f"neither PNG, JPEG nor WebP: the file begins with {data[:8]!r}.")


def _chunks(data: bytes, start: int, head: str, tail: int, even: bool = False) -> Iterator[tuple[bytes, bytes, slice]]:
    """(type, body, place in the file) of each chunk: a head with type and length, a body, ``tail`` bytes after it."""
    while start < len(data):
        kind, length = sorted(struct.unpack_from(head, data, start), key=lambda v: isinstance(v, int))
        end = start + 8 + length + tail
        if end > len(data):
            raise ValueError(f"the chunk {kind!r} should end at byte {end}, the file has {len(data)}.")
        yield kind, data[start + 8:end - tail], slice(start, end)
        start = end + (even and length % 2)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, slice]]:
    """(type, body, place in the file) of each chunk of a PNG; the checksum is in the place, not in the body."""
    return _chunks(data, len(PNG), ">I4s", 4)


def _png(data: bytes) -> Iterator[tuple[str, bytes]]:
    for kind, body, _ in png_chunks(data):
        if kind == b"caBX":
            yield "c2pa", body
        elif kind == b"iTXt" and body.startswith(XMP_PNG):
            yield "xmp", body[len(XMP_PNG) + 2:].split(b"\0", 2)[2]  # flags, language, translated keyword, text


def _jpeg(data: bytes) -> Iterator[tuple[str, bytes]]:
    start = 2
    while data[start] == 0xFF and data[start + 1] != 0xDA:  # up to the pixels
        length, = struct.unpack_from(">H", data, start + 2)
        body = data[start + 4:start + 2 + length]
        if data[start + 1] == 0xE1 and body.startswith(XMP_JPEG):
            yield "xmp", body[len(XMP_JPEG):]
        elif data[start + 1] == 0xEB and body[:2] == b"JP":
            first = struct.unpack_from(">I", body, 4)[0] == 1  # later packets repeat the head of the box
            yield "c2pa", body[8:] if first else body[16:]
        start += 2 + length


def _assertions(manifest: bytes) -> Iterator[tuple[str, Any]]:
    """(label, content) of every box of a manifest that holds CBOR."""
    start, label = 0, ""
    while start + 8 <= len(manifest):
        length, kind = struct.unpack_from(">I4s", manifest, start)
        body = manifest[start + 8:start + length]
        if kind == b"jumb":
            yield from _assertions(body)
        elif kind == b"jumd":
            label = body[17:].split(b"\0")[0].decode("utf-8", "replace")
        elif kind == b"cbor":
            yield label, _cbor(body, 0)[0]
        start += max(length, 8)


def _cbor(data: bytes, at: int) -> tuple[Any, int]:
    """One item of CBOR and where the next begins: the kinds that C2PA uses."""
    major, small, at = data[at] >> 5, data[at] & 31, at + 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(small, 0)
    value = int.from_bytes(data[at:at + size], "big") if size else small
    at += size
    if major in (2, 3):
        body = data[at:at + value]
        return body if major == 2 else body.decode("utf-8", "replace"), at + value
    if major == 4:
        items = []
        for _ in range(value):
            item, at = _cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        flat = []
        for _ in range(2 * value):
            item, at = _cbor(data, at)
            flat.append(item)
        return {str(k): v for k, v in zip(flat[::2], flat[1::2])}, at
    if major == 6:
        return _cbor(data, at)
    return ({20: False, 21: True}.get(value) if major == 7 else value if major == 0 else -1 - value), at


def _intact(data: bytes, claims: dict[str, Any]) -> bool:
    """Does SHA-256 of the file without the manifest's own place give the hash in the manifest?"""
    bound = claims.get("c2pa.hash.data", {})
    digest, start = hashlib.sha256(), 0
    for hole in sorted(bound.get("exclusions", []), key=lambda h: h["start"]):
        digest.update(data[start:hole["start"]])
        start = hole["start"] + hole["length"]
    digest.update(data[start:])
    return digest.digest() == bound.get("hash")
