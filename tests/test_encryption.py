"""Scores on encrypted numbers against clear ones; sealed files that are cut, changed, foreign or opened with a wrong key."""

import hashlib
import importlib.util
import os
import stat

import numpy as np
import pytest

from aigc_lib.trust import encryption
from aigc_lib.trust.encryption import SealError, new_key, phrase_key, read_key, seal, unseal

needs_tenseal = pytest.mark.skipif(importlib.util.find_spec("tenseal") is None, reason="tenseal is an extra")
needs_cryptography = pytest.mark.skipif(importlib.util.find_spec("cryptography") is None, reason="cryptography is an extra")
posix = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
KEY, TEXT = bytes(range(32)), "收入,违约\n90,是\n".encode()


# encrypted numbers

@needs_tenseal
def test_encrypted_score_equals_the_clear_one_and_the_server_cannot_read_it():
    import tenseal

    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(300, 5)), np.array([0.7, -2.0, 0.0, 1e-3, 3.0])
    owner, public = encryption.key_pair()
    sent = encryption.encrypt_columns(owner, features)
    answer = encryption.encrypted_sum(public, sent, weights, -1.5)
    assert np.abs(encryption.decrypt_numbers(owner, answer) - (features @ weights - 1.5)).max() < 1e-4
    server = tenseal.context_from(public)
    assert not server.has_secret_key()
    with pytest.raises(ValueError, match="no secret key"):
        encryption.decrypt_numbers(server, answer)
    assert encryption.encrypt_columns(owner, features)[0] != sent[0]  # the same person twice does not look alike


@needs_tenseal
def test_encrypted_sum_rejects_what_does_not_fit():
    owner, public = encryption.key_pair()
    sent = encryption.encrypt_columns(owner, np.ones((2, 3)))
    with pytest.raises(ValueError, match="2 weights but 3"):
        encryption.encrypted_sum(public, sent, np.ones(2), 0.0)
    with pytest.raises(ValueError, match="every weight is 0"):
        encryption.encrypted_sum(public, sent, np.zeros(3), 0.0)
    for bad in (np.ones(3), np.array([[np.nan]]), np.ones((5000, 1)), np.ones((0, 2))):
        with pytest.raises(ValueError, match="1 to 4096 people"):
            encryption.encrypt_columns(owner, bad)


# sealed files

@needs_cryptography
def test_seal_opens_to_the_same_and_differs_every_time():
    for content in (b"", TEXT, os.urandom(10_000)):
        assert unseal(seal(content, KEY, "表 v1"), KEY, "表 v1") == content
    assert seal(TEXT, KEY, "a") != seal(TEXT, KEY, "a")
    assert TEXT[:6] not in seal(TEXT, KEY, "a") and KEY not in seal(TEXT, KEY, "a")


@needs_cryptography
def test_seal_is_plain_gcm():
    """The body opens with the cipher alone, so another program can read the format."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    sealed = seal(TEXT, KEY, "表")
    head, body, tag = sealed[:encryption.HEAD_BYTES], sealed[encryption.HEAD_BYTES:-16], sealed[-16:]
    assert head[:10] == b"AIGCSEAL1\n" and int.from_bytes(head[18:26], "big") == len(TEXT)
    opener = Cipher(algorithms.AES256(KEY), modes.GCM(head[-12:], tag)).decryptor()
    opener.authenticate_additional_data(head + "表".encode())
    assert opener.update(body) + opener.finalize() == TEXT


@needs_cryptography
def test_every_flipped_bit_is_found():
    sealed = seal(TEXT, KEY, "v1")
    for i in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[i // 8] ^= 1 << i % 8
        with pytest.raises(SealError):
            unseal(bytes(changed), KEY, "v1")


@needs_cryptography
def test_every_cut_is_found():
    sealed = seal(TEXT, KEY, "v1")
    for n in range(len(sealed)):
        with pytest.raises(SealError, match="cut off|no sealed file"):
            unseal(sealed[:n], KEY, "v1")
    with pytest.raises(SealError, match="should have"):
        unseal(sealed + b"\0", KEY, "v1")


@needs_cryptography
@pytest.mark.parametrize(("attempt", "words"), [
    (lambda s: unseal(s[:-1] + bytes([s[-1] ^ 1]), KEY, "v1"), "altered"),
    (lambda s: unseal(s, bytes(32), "v1"), "another key"),
    (lambda s: unseal(s, KEY, "v2"), "not 'v2'"),
    (lambda s: unseal(b"PK\x03\x04", KEY, "v1"), "no sealed file"),
    (lambda s: unseal(s, KEY[:16], "v1"), "32 bytes, found 16"),
    (lambda s: seal(TEXT, b"short", "v1"), "32 bytes, found 5"),
])
def test_each_fault_is_named(attempt, words):
    with pytest.raises(SealError, match=words):
        attempt(seal(TEXT, KEY, "v1"))


# keys

def test_key_is_random_and_never_overwritten(tmp_path):
    key = new_key(tmp_path / "key")
    assert len(key) == 32 and read_key(tmp_path / "key") == key != new_key(tmp_path / "other")
    with pytest.raises(SealError, match="exists already"):
        new_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == key


@posix
def test_key_is_its_owners_alone(tmp_path):
    path = tmp_path / "key"
    new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(SealError, match="chmod 600"):
            read_key(path)


@posix
def test_damaged_key_is_named(tmp_path):
    path = tmp_path / "key"
    new_key(path)
    path.write_bytes(b"short")
    with pytest.raises(SealError, match="found 5"):
        read_key(path)


def test_phrase_key_is_scrypt():
    salt = bytes(16)
    assert phrase_key("口令", salt) == hashlib.scrypt("口令".encode(), salt=salt, n=2**17, r=8, p=1, maxmem=2**28, dklen=32)
    with pytest.raises(SealError, match="16 random bytes"):
        phrase_key("口令", b"salt")
