"""Export a generated picture with its marks: a visible label, metadata, a signed C2PA manifest, a watermark.

What Chinese law asks for is the first two (《人工智能生成合成内容标识办法》, GB 45438-2025); C2PA is an industry's
specification. ``aigc_lib.trust.reader`` reads the marks back without this module, ``rules`` lists who asks for what.
"""

import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

from aigc_lib.style import FONT_FILE
from aigc_lib.trust import watermark
from aigc_lib.trust.reader import FIELDS, JPEG, NAMESPACE, PNG

LABEL = "AI生成"
LABEL_HEIGHT = 0.06  # of the shorter side; GB 45438-2025 asks for at least 0.05
LEAST_HEIGHT = 12  # pixels: lower Chinese letters cannot be read
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"  # IPTC: made by a trained model


def as_picture(thing: Any) -> Image.Image:
    """RGB pixels of a PIL picture, a figure, an array (H, W) or (H, W, 3) of uint8, or a tensor (C, H, W) in [-1, 1]."""
    if isinstance(thing, Image.Image):
        return thing.convert("RGB")
    if isinstance(thing, Figure):
        out = io.BytesIO()
        thing.savefig(out, format="png")
        return Image.open(out).convert("RGB")
    if isinstance(thing, Tensor) and thing.ndim == 3 and len(thing) in (1, 3) and thing.isfinite().all():
        grey = ((thing.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        return Image.fromarray(np.repeat(grey, 3 // grey.shape[2], axis=2))
    if isinstance(thing, np.ndarray) and thing.dtype == np.uint8 and (thing.ndim == 2 or thing.shape[2:] == (3,)):
        return Image.fromarray(thing).convert("RGB")
    found = f"{getattr(thing, 'dtype', '')} {tuple(getattr(thing, 'shape', ()))}".strip()
    raise ValueError(f"expected a PIL picture, a figure, uint8 (H, W[, 3]) or a finite tensor (1 or 3, H, W), "
                     f"found {type(thing).__name__} {found}.")


@cache
def label_plate(side: int) -> Image.Image:
    """The visible label for a picture whose shorter side is ``side``: white on black, so it shows on any picture."""
    height = max(LEAST_HEIGHT, round(LABEL_HEIGHT * side))
    size = height
    while (box := ImageFont.truetype(FONT_FILE, size).getbbox(LABEL, anchor="lt"))[3] < height:  # ink, not line height
        size += 1
    plate = Image.new("RGB", (round(box[2] + height), round(2 * height)), "black")
    font = ImageFont.truetype(FONT_FILE, size)
    ImageDraw.Draw(plate).text((plate.width / 2, height), LABEL, "white", font, anchor="mm")
    return plate


def with_label(picture: Image.Image) -> Image.Image:
    """A copy with the label in the lower right corner; ValueError where it does not fit."""
    plate, gap = label_plate(min(picture.size)), round(0.02 * min(picture.size))
    if plate.width + gap > picture.width or plate.height + gap > picture.height:
        raise ValueError(f"a picture of {picture.width} x {picture.height} pixels is too small for a readable label.")
    marked = picture.copy()
    marked.paste(plate, (picture.width - plate.width - gap, picture.height - plate.height - gap))
    return marked


def aigc_record(frames: list[Image.Image], producer: str, number: str) -> dict[str, str]:
    """The seven fields of GB 45438-2025's metadata label. Label "1": certainly generated.

    ReservedCode1, left to the producer, holds the SHA-256 of the pixels. Without a key anybody can compute it anew.
    """
    digest = hashlib.sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()
    return dict(zip(FIELDS, ("1", producer, number, digest, producer, number, "")))


def xmp_packet(record: dict[str, str]) -> bytes:
    """The label as an XMP packet (ISO 16684-1)."""
    value = quoteattr(json.dumps(record, ensure_ascii=False))
    return (f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
            f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
            f'xmlns:TC260="{NAMESPACE}" TC260:AIGC={value}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>').encode()


def encode(picture: Image.Image, kind: str = "png", xmp: bytes | None = None, quality: int = 95,
           more: list[Image.Image] | None = None) -> bytes:
    """The picture as a PNG, JPEG or WebP file. Nothing but the pixels and the given XMP packet goes into it.

    more: the frames that follow, 0.1 s each, for a clip (WebP).
    """
    out, bare = io.BytesIO(), Image.fromarray(np.asarray(picture.convert("RGB")))
    options: dict[str, Any] = {"quality": quality} if kind != "png" else {"compress_level": 1}
    if more:
        options |= {"save_all": True, "append_images": more, "duration": 100, "loop": 0}
    if xmp and kind == "png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif xmp:
        options["xmp"] = xmp
    bare.save(out, kind, **options)
    return out.getvalue()


def export_marked(thing: Any, path: Path | str, producer: str, number: str, *, signer: Any = None,
                  key: int | None = None) -> Path:
    """Write any picture of the course with its marks, and return the path: .png, .jpg or .webp; a list of frames: .webp.

    The visible label and the metadata are always there. key: also the watermark. signer: also a C2PA manifest,
    from ``test_signer``. Raises ValueError for what is no picture, is too small, or has another suffix.
    """
    path, things = Path(path), thing if isinstance(thing, list) else [thing]
    kind = FORMATS.get(path.suffix.lower())
    if kind is None or len(things) > 1 and kind != "webp":
        raise ValueError(f"cannot write {path.name}: expected one of {', '.join(FORMATS)}, and .webp for a clip.")
    frames = [_marked(as_picture(one), key) for one in things]
    if len({frame.size for frame in frames}) != 1:
        raise ValueError(f"a clip needs frames of one size, found {sorted({frame.size for frame in frames})}.")
    data = encode(frames[0], kind, xmp_packet(aigc_record(frames, producer, number)), more=frames[1:])
    path.write_bytes(sign(data, signer, path.name) if signer else data)
    return path


def _marked(picture: Image.Image, key: int | None) -> Image.Image:
    """With the marks that live in the pixels."""
    return with_label(picture if key is None else Image.fromarray(watermark.embed(np.asarray(picture), key)))


# C2PA: c2pa-python and cryptography are an extra, imported where they are used


class TestSigner(NamedTuple):
    """A C2PA signer of one's own making. root: its root certificate (PEM), which nobody else trusts."""

    signer: Any
    root: str


def test_signer(name: str = "AIGC course, for tests only", days: int = 30) -> TestSigner:
    """A root and a signing certificate (ES256), made on the spot; the keys are kept in memory only.

    Public validators call such a signature untrusted: anybody can make one, under any name.
    """
    import c2pa
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(f"{name}, root", root_key, f"{name}, root", root_key, days, authority=True)
    leaf = _certificate(name, key, f"{name}, root", root_key, days, authority=False)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = [c.public_bytes(serialization.Encoding.PEM) for c in (leaf, root)]
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=b"".join(pem), private_key=secret, ta_url=None)
    return TestSigner(c2pa.Signer.from_info(info), pem[1].decode())


test_signer.__test__ = TestSigner.__test__ = False  # for pytest: not tests


def _certificate(subject: str, key: Any, issuer: str, issuer_key: Any, days: int, authority: bool) -> Any:
    """An X.509 certificate as C2PA wants it: for signatures, with an extended key usage."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, text),
                          x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                           "encipher_only", "decipher_only"), False)
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    made = (x509.CertificateBuilder().subject_name(called(subject)).issuer_name(called(issuer))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(authority, None), True).add_extension(x509.KeyUsage(**usage), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False))
    if not authority:
        made = made.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return made.sign(issuer_key, hashes.SHA256())


def sign(data: bytes, signer: TestSigner, title: str) -> bytes:
    """The file (PNG, JPEG or WebP) with a C2PA manifest that says: created by a trained model."""
    import c2pa

    manifest = {"claim_generator_info": [{"name": "aigc-course"}], "title": title, "assertions": [
        {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": GENERATED}]}}]}
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    signed = io.BytesIO()
    with c2pa.Context(settings) as context, c2pa.Builder(json.dumps(manifest), context) as builder:
        builder.sign(signer.signer, _mime(data), io.BytesIO(data), signed)
    return signed.getvalue()


def c2pa_state(data: bytes, root: str = "") -> str:
    """What c2pa's own reader says of a file: "Trusted", "Valid" (whole, signer unknown), "Invalid", or "" for no manifest.

    root: a certificate (PEM) to trust.
    """
    import c2pa

    trust = {"trust": {"user_anchors": root}} if root else {}
    settings = c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False}, **trust})
    try:
        with c2pa.Context(settings) as context, c2pa.Reader(_mime(data), io.BytesIO(data), context=context) as reader:
            return reader.get_validation_state() or ""
    except c2pa.C2paError as error:
        return "" if "ManifestNotFound" in str(error) else "Invalid"


def _mime(data: bytes) -> str:
    return f"image/{'png' if data.startswith(PNG) else 'jpeg' if data.startswith(JPEG) else 'webp'}"
