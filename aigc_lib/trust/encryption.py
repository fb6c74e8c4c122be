"""Scores computed on encrypted numbers, and files that nobody without the key can read or change.

Homomorphic encryption adds and multiplies what it cannot read; CKKS does so for approximate numbers (Cheon et al.
2017). It needs the package tenseal. Files are sealed with AES-256-GCM (NIST SP 800-38D) by the package cryptography.
Both are imported only where they are used.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tenseal

DEGREE, SCALE_BITS, MODULI = 8192, 40, (60, 40, 60)  # 160 bits of modulus; 128-bit security allows 218 at this degree
KEY_BYTES, NONCE_BYTES, TAG_BYTES, ID_BYTES = 32, 12, 16, 8
MAGIC = b"AIGCSEAL1\n"
HEAD_BYTES = len(MAGIC) + ID_BYTES + 8 + NONCE_BYTES


class SealError(ValueError):
    """A sealed file or its key is not what it should be. Nothing of the content was given out."""


# computing on encrypted numbers

def key_pair() -> tuple["tenseal.Context", bytes]:
    """What the owner of the data keeps, and what the computing side gets: the same without the secret key."""
    import tenseal

    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, DEGREE, coeff_mod_bit_sizes=list(MODULI))
    context.global_scale = 2**SCALE_BITS
    public = context.copy()
    public.make_context_public()
    return context, public.serialize(save_galois_keys=False, save_relin_keys=False)


def encrypt_columns(context: "tenseal.Context", features: np.ndarray) -> list[bytes]:
    """Features (N, F) of at most 4,096 people -> F ciphertexts, one a feature, each holding all N people."""
    import tenseal

    if features.ndim != 2 or not 1 <= len(features) <= DEGREE // 2 or not np.isfinite(features).all():
        raise ValueError(f"features must be finite numbers (N, F) with 1 to {DEGREE // 2} people, "
                         f"found shape {features.shape}.")
    return [tenseal.ckks_vector(context, column).serialize() for column in features.T]


def encrypted_sum(public: bytes, ciphertexts: list[bytes], weights: np.ndarray, base: float) -> bytes:
    """base + features @ weights, by a side that holds weights and ciphertexts but no secret key -> a ciphertext.

    Weights are clear numbers here, so one multiplication deep and no rotation: no further keys are needed.
    """
    import tenseal

    if len(ciphertexts) != len(weights):
        raise ValueError(f"there are {len(weights)} weights but {len(ciphertexts)} ciphertexts; one each is wanted.")
    context = tenseal.context_from(public)
    parts = [tenseal.ckks_vector_from(context, part) * float(w) for part, w in zip(ciphertexts, weights) if w != 0]
    if not parts:
        raise ValueError("every weight is 0, so there is nothing to compute.")
    total = parts[0]
    for part in parts[1:]:
        total += part
    return (total + float(base)).serialize()


def decrypt_numbers(context: "tenseal.Context", ciphertext: bytes) -> np.ndarray:
    """The numbers (N,), by whoever holds the secret key. Raises ValueError without it."""
    import tenseal

    if not context.has_secret_key():
        raise ValueError("this context holds no secret key; only the owner of the data can decrypt.")
    return np.array(tenseal.ckks_vector_from(context, ciphertext).decrypt())


# data at rest

def new_key(path: Path) -> bytes:
    """32 random bytes in a file that only its owner may read. Never overwrites one: that would lose the data."""
    key = os.urandom(KEY_BYTES)
    plain = getattr(os, "O_BINARY", 0)  # else Windows writes two bytes for every 10 in the key
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | plain, 0o600)
    except FileExistsError:
        raise SealError(f"{path} exists already; a key that is overwritten takes its files with it.") from None
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    return key


def read_key(path: Path) -> bytes:
    """Raises SealError for a key of a wrong length, or one that others may read (not checked on Windows)."""
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SealError(f"{path} may be read or changed by others; make it yours alone: chmod 600, and take a new key.")
    return _checked(path.read_bytes())


def phrase_key(phrase: str, salt: bytes) -> bytes:
    """A key from a pass phrase by scrypt (RFC 7914), slow on purpose: 128 MB and about half a second a guess."""
    if len(salt) < 16:
        raise SealError(f"the salt needs at least 16 random bytes, found {len(salt)}; keep it beside the file.")
    return hashlib.scrypt(phrase.encode(), salt=salt, n=2**17, r=8, p=1, maxmem=2**28, dklen=KEY_BYTES)


def seal(content: bytes, key: bytes, label: str) -> bytes:
    """Encrypt and authenticate. label: name and version of the content; not hidden, not stored, but bound to it.

    The nonce is fresh and random; renew the key long before 2**32 seals, as SP 800-38D asks.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    head = MAGIC + _key_id(_checked(key)) + len(content).to_bytes(8, "big") + nonce
    return head + AESGCM(key).encrypt(nonce, content, head + label.encode())


def unseal(sealed: bytes, key: bytes, label: str) -> bytes:
    """The whole content, or SealError that says why not: foreign, cut off, another key, altered or another label."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not sealed.startswith(MAGIC):
        raise SealError(f"this is no sealed file: it should begin with {MAGIC!r}, found {sealed[:len(MAGIC)]!r}.")
    head, body = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:]
    start = len(MAGIC) + ID_BYTES
    wanted = HEAD_BYTES + int.from_bytes(head[start:start + 8], "big") + TAG_BYTES
    if len(head) < HEAD_BYTES or len(sealed) != wanted:
        raise SealError(f"the file has {len(sealed)} bytes and should have {wanted}: it was cut off, or its head is "
                        "damaged. Fetch it again.")
    if head[len(MAGIC):start] != _key_id(_checked(key)):
        raise SealError("this file was sealed with another key; use the one it was sealed with.")
    try:
        return AESGCM(key).decrypt(head[-NONCE_BYTES:], body, head + label.encode())
    except InvalidTag:
        raise SealError(f"the content was altered, or it is not {label!r}. Do not use it; restore a copy.") from None


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise SealError(f"a key has {KEY_BYTES} bytes, found {len(key)}.")
    return key


def _key_id(key: bytes) -> bytes:
    """Tells keys apart without telling what they are."""
    return hashlib.sha256(b"aigc key id" + key).digest()[:ID_BYTES]
