"""Marks on exported pictures: every kind of picture, read back byte by byte, attacked, forged; rules and watermark."""

import importlib.util
import json
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_lib.trust import attacks, provenance, watermark
from aigc_lib.trust.provenance import as_picture, c2pa_state, export_marked, label_plate, with_label
from aigc_lib.trust.reader import FIELDS, read_marks
from aigc_lib.trust.rules import CHECKS, RULES, checklist

needs_c2pa = pytest.mark.skipif(importlib.util.find_spec("c2pa") is None, reason="c2pa-python is an extra")
SUFFIXES = [".png", ".jpg", ".webp"]


def scene(seed=0, side=300):
    """A smooth grey picture with an edge."""
    noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(noise, (side, side), mode="bicubic")[0].tanh()
    smooth[:, :, side // 2:] *= 0.3
    return smooth


@pytest.fixture(scope="module")
def signer():
    return provenance.test_signer()


def exported(tmp_path, suffix=".png", **marks):
    return export_marked(scene(), tmp_path / f"p{suffix}", "课程", "no-1", **marks).read_bytes()


# export and reading back


def figure():
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1])
    return fig


@pytest.mark.parametrize("make", [lambda: Image.new("L", (200, 160)), figure, lambda: np.zeros((200, 160), np.uint8),
                                  lambda: np.zeros((160, 200, 3), np.uint8), lambda: torch.zeros(3, 200, 160), scene])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_picture_carries_both_marks_of_the_law(make, suffix, tmp_path):
    data = export_marked(make(), tmp_path / f"x{suffix}", "课程", "a<&\"'号").read_bytes()
    found = read_marks(data)
    assert tuple(found.aigc) == FIELDS and found.aigc["Label"] == "1" and found.aigc["ProduceID"] == "a<&\"'号"
    assert found.source == "" and found.intact is None
    assert attacks.label_score(attacks.load(data)) > 0.65
    plt.close("all")


def test_values_are_kept():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(np.asarray(as_picture(values))[..., 1], values)
    back = np.asarray(as_picture(torch.from_numpy(values / 127.5 - 1).float()[None]))
    assert np.array_equal(back[..., 0], values)


@pytest.mark.parametrize("bad", [torch.full((1, 90, 90), float("nan")), torch.zeros(2, 90, 90), np.zeros((90, 90)), "x.png",
                                 np.zeros((90, 90, 4), np.uint8)])
def test_what_is_no_picture_is_refused(bad, tmp_path):
    with pytest.raises(ValueError, match="expected a PIL picture"):
        export_marked(bad, tmp_path / "x.png", "课程", "1")


def test_too_small_and_wrong_suffix_are_refused(tmp_path):
    with pytest.raises(ValueError, match="too small"):
        export_marked(torch.zeros(1, 28, 28), tmp_path / "x.png", "课程", "1")
    with pytest.raises(ValueError, match="expected one of"):
        export_marked(scene(), tmp_path / "x.bmp", "课程", "1")


def test_every_frame_of_a_clip_is_marked(tmp_path):
    path = export_marked([scene(i) for i in range(3)], tmp_path / "clip.webp", "课程", "1", key=4)
    with Image.open(path) as clip:
        assert clip.n_frames == 3
        for i in range(3):
            clip.seek(i)
            frame = clip.convert("RGB")
            assert attacks.label_score(frame) > 0.65 and watermark.detect(np.asarray(frame), 4) > 8
    assert read_marks(path.read_bytes()).aigc["Label"] == "1"
    with pytest.raises(ValueError, match=r"\.webp for a clip"):
        export_marked([scene(), scene()], tmp_path / "clip.png", "课程", "1")
    for frames in ([], [scene(), scene(side=310)]):
        with pytest.raises(ValueError, match="frames of one size"):
            export_marked(frames, tmp_path / "clip.webp", "课程", "1")


@needs_c2pa
def test_a_clip_can_be_signed(tmp_path, signer):
    data = export_marked([scene(0), scene(1)], tmp_path / "clip.webp", "课程", "1", signer=signer).read_bytes()
    assert c2pa_state(data) == "Valid" and read_marks(data).intact


@pytest.mark.parametrize("side", [100, 224, 448, 1000])
def test_the_letters_are_high_enough(side):
    rows = np.flatnonzero((np.asarray(label_plate(side).convert("L")) > 128).any(1))
    assert rows[-1] - rows[0] + 1 >= 0.05 * side


def test_label_leaves_the_rest_alone():
    plain = as_picture(scene())
    labelled = np.asarray(with_label(plain))
    changed = (labelled != np.asarray(plain)).any(2)
    assert changed.any() and not changed[:200].any() and not changed[:, :180].any()


# the independent reader


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_or_foreign_files_are_refused(suffix, tmp_path):
    data = exported(tmp_path, suffix)
    with pytest.raises(ValueError, match="neither PNG"):
        read_marks(b"GIF89a" + data)
    if suffix != ".jpg":  # its pixels are not walked
        with pytest.raises(ValueError, match="should end|middle"):
            read_marks(data[:-20])


def test_the_reader_shares_nothing_with_the_writer():
    code = "import sys, aigc_lib.trust.reader; assert not {'PIL', 'c2pa', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_c2pa
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_reader_survives_any_turned_bit_of_a_manifest(suffix, tmp_path, signer):
    data = exported(tmp_path, suffix, signer=signer)
    start = data.index(b"jumb") - 20
    for bit in range(8 * start, 8 * (start + 1100), 7):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            read_marks(bytes(changed))
        except ValueError:  # and nothing else
            pass


def test_pillow_reads_the_same_label(tmp_path):
    data = exported(tmp_path, ".jpg")
    (tmp_path / "again.jpg").write_bytes(data)
    packet = Image.open(tmp_path / "again.jpg").info["xmp"].decode()
    assert read_marks(data).aigc["ReservedCode1"] in packet


def test_a_broken_label_is_none(tmp_path):
    assert read_marks(attacks.edit_metadata(exported(tmp_path), "ProduceID", "ProduceIT")).aigc is None


@needs_c2pa
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_both_readers_agree_on_the_manifest(suffix, tmp_path, signer):
    data = exported(tmp_path, suffix, signer=signer)
    found = read_marks(data)
    assert found.source.endswith("trainedAlgorithmicMedia") and found.intact
    assert c2pa_state(data) == "Valid" and c2pa_state(data, signer.root) == "Trusted"
    assert c2pa_state(data, provenance.test_signer().root) == "Valid"  # another root does not vouch for it


# tampering


@needs_c2pa
def test_c2pa_sees_edits_and_checksums_do_not(tmp_path, signer):
    data = exported(tmp_path, signer=signer)
    for altered in (attacks.edit_pixel(data, 5, 7), attacks.edit_metadata(data, "no-1", "no-2")):
        assert c2pa_state(altered) == "Invalid" and read_marks(altered).intact is False
        assert attacks.checksums_hold(altered)
    assert read_marks(attacks.edit_metadata(data, "no-1", "no-2")).aigc["ProduceID"] == "no-2"


@needs_c2pa
def test_stripping_leaves_no_trace_and_anybody_can_sign_again(tmp_path, signer):
    data = exported(tmp_path, signer=signer, key=3)
    bare = attacks.strip_metadata(data)
    assert c2pa_state(bare) == "" and read_marks(bare) == (None, "", None)
    assert np.array_equal(np.asarray(attacks.load(bare)), np.asarray(attacks.load(data)))
    forged = provenance.sign(bare, provenance.test_signer("somebody else"), "x")
    assert c2pa_state(forged) == "Valid" and c2pa_state(forged, root=signer.root) == "Valid"


def test_edits_change_only_what_they_say(tmp_path):
    data = exported(tmp_path)
    pixels = np.asarray(attacks.load(data)).astype(int)
    changed = np.argwhere(np.asarray(attacks.load(attacks.edit_pixel(data, 5, 7))) != pixels)
    assert changed.tolist() == [[5, 7, 0]]
    with pytest.raises(ValueError, match="must be in the file"):
        attacks.edit_metadata(data, "no-1", "no-10")
    text = 8 * data.index(b"no-1")
    assert read_marks(attacks.flip_bit(data, text)).aigc["ProduceID"] == "oo-1" and attacks.checksums_hold(attacks.flip_bit(data, text))
    assert not attacks.checksums_hold(data[:50] + bytes([data[50] ^ 1]) + data[51:])


@pytest.mark.parametrize("name", attacks.HANDLING)
def test_handling_drops_metadata_unless_told(name, tmp_path):
    data = exported(tmp_path)
    assert read_marks(attacks.handle(name, data)).aigc is None
    assert read_marks(attacks.handle(name, data, keep_metadata=True)).aigc == read_marks(data).aigc


def test_regenerating_goes_through_the_model():
    picture = as_picture(scene())
    flat = np.asarray(attacks.regenerate(picture, torch.zeros_like))
    assert (flat == flat[0, 0]).all() and flat.shape == (300, 300, 3)


# the watermark


def test_only_the_right_key_finds_the_watermark():
    plain = np.asarray(as_picture(scene()))
    marked = watermark.embed(plain, key=1)
    assert watermark.detect(marked, 1) > 10
    assert max(watermark.detect(marked, 2), watermark.detect(plain, 1)) < 6
    assert np.abs(marked.astype(int) - plain).mean() < 4


@settings(max_examples=30, deadline=None)
@given(dy=st.integers(0, 90), dx=st.integers(0, 90))
def test_the_watermark_survives_any_cut(dy, dx):
    marked = watermark.embed(np.asarray(as_picture(scene())), key=1)
    assert watermark.detect(marked[dy:, dx:], 1) > 8


def test_the_tile_is_noise_within_its_band():
    tile = watermark.tile(0)
    assert abs(tile.mean()) < 1e-9 and abs(tile.std() - 1) < 1e-9
    spectrum = np.abs(np.fft.fft2(tile))
    waves = np.hypot(np.fft.fftfreq(watermark.TILE), np.fft.fftfreq(watermark.TILE)[:, None])
    assert spectrum[(waves < watermark.BAND[0]) | (waves > watermark.BAND[1])].max() < 1e-9


def test_pictures_too_small_for_a_tile_are_refused():
    with pytest.raises(ValueError, match="at least 60"):
        watermark.detect(np.zeros((59, 200, 3), np.uint8), 0)


# the rules


def test_rules_say_number_date_article_source_and_what_was_checked():
    assert all(all((r.name, r.number, r.since, r.article, r.asks, r.source, r.verified)) for r in RULES)
    assert {r.force for r in RULES if "C2PA" in r.name or "准则" in r.name} == {"不是法"}
    assert {r.force for r in RULES if "标识办法" in r.name} == {"不是法律、规章，但有约束力"}
    assert {r.number: r.since for r in RULES}["GB 45438-2025"] == "2025-09-01"


def test_the_checklist_follows_the_checks():
    names = {r.check for r in RULES if r.check}
    assert names == set(CHECKS)
    good, bad = checklist(dict.fromkeys(names, True)), checklist(dict.fromkeys(names, False))
    assert {state for _, state in good} == {"做到", "机器查不了"} and {state for _, state in bad} == {"没做到", "机器查不了"}
    with pytest.raises(ValueError, match="want the checks"):
        checklist({"visible": True})
    assert json.dumps([r._asdict() for r in RULES])
