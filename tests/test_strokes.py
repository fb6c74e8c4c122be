"""Clips of characters: rendered as the data say, measured as their definitions say."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from aigc_lib.datasets import load_hanzi_strokes
from aigc_lib.industries import strokes as pen

STROKES = load_hanzi_strokes()
CROSS = STROKES["十"]


def test_a_clip_adds_one_stroke_a_frame_and_then_stays():
    clip = pen.write_clips(STROKES["三"])[0]
    assert clip.shape == (6, 28, 28) and clip.dtype == torch.float32 and clip.min() == -1 and clip.max() == 1
    grown = (clip.diff(dim=0) > 0.5).sum((1, 2))
    assert (grown[:2] > 10).all() and (grown[2:] == 0).all()
    middle = ((clip[-1] + 1).sum(1) * torch.arange(28)).sum() / (clip[-1] + 1).sum()
    assert middle == pytest.approx(13.5, abs=1.5)
    heights = [float((frame > 0).any(1).nonzero().float().mean()) for frame in clip[:3]]
    assert heights == sorted(heights)  # 三 is written from the top


def test_the_exact_hand_never_changes_and_others_do():
    assert torch.equal(pen.write_clips(CROSS, 2)[0], pen.write_clips(CROSS, 1, seed=9)[0])
    pupils = pen.write_clips(CROSS, 3, seed=1, hand=pen.PUPIL)
    assert not torch.equal(pupils[0], pupils[1])
    assert torch.equal(pupils, pen.write_clips(CROSS, 3, seed=1, hand=pen.PUPIL))
    assert torch.equal(pen.write_strokes(CROSS, 1, 4), pen.write_clips(CROSS, 1, 4, pen.HOMEWORK)[:, -1:])


@pytest.mark.parametrize("strokes", [[], [np.zeros((2, 2))] * 7])
def test_a_clip_has_room_for_six_strokes(strokes):
    with pytest.raises(ValueError, match="1 to 6 strokes"):
        pen.write_clips(strokes)


def clip_of(*frames):
    """Small frames of 0 and 1, as a clip (1, 6, 28, 28) that then stays."""
    clip = -torch.ones(1, 6, 28, 28)
    for k in range(6):
        picture = torch.tensor(frames[min(k, len(frames) - 1)], dtype=torch.float32)
        clip[0, k, :picture.shape[0], :picture.shape[1]] = 2 * picture - 1
    return clip


def test_ink_that_disappears_is_counted():
    assert pen.ink_lost(clip_of([[1, 0]], [[1, 1]])).item() == 0
    assert pen.ink_lost(clip_of([[1, 1]], [[1, 0]])).item() == pytest.approx(0.5)
    assert pen.ink_lost(clip_of([[1, 0]], [[0, 1]], [[1, 0]])).item() == pytest.approx(1.0)  # lost twice, two ever shown
    assert pen.ink_lost(-torch.ones(1, 6, 28, 28)).item() == 0
    assert pen.ink_lost(torch.cat([pen.write_clips(CROSS, 1, seed, pen.PUPIL) for seed in range(5)])).max() == 0


def test_pieces_of_new_ink():
    whole, torn = [[1, 1, 1, 1, 0, 0]], [[1, 1, 0, 1, 0, 1]]
    assert pen.one_piece(clip_of(whole)).item() == 1
    assert pen.one_piece(clip_of(torn)).item() == 0.5
    assert pen.one_piece(clip_of(whole, [[1] * 6])).item() == 1  # two new pixels do not count as a stroke
    assert pen.one_piece(-torch.ones(1, 6, 28, 28)).item() == 0
    assert pen.one_piece(pen.write_clips(CROSS)).item() < 1  # the second stroke crosses the first, which is old ink


def test_stroke_times_are_those_of_the_clip_compared():
    truth = pen.write_clips(STROKES["三"])
    times = pen.stroke_times(truth, truth)
    assert times[0, :3].tolist() == pytest.approx([1, 2, 3], abs=0.05) and times[0, 3:].isnan().all()
    backwards = truth.clone()
    new = torch.diff(truth + 1, dim=1, prepend=torch.zeros(1, 1, 28, 28))[:, [2, 1, 0, 3, 4, 5]]
    backwards = new.cumsum(1) - 1
    times = pen.stroke_times(backwards, truth)
    assert times[0, :3].tolist() == pytest.approx([3, 2, 1], abs=0.1)
    only_first = truth[:, :1].expand(1, 6, 28, 28)
    assert pen.stroke_times(only_first, truth)[0, :3].tolist() == pytest.approx([1, 7, 7], abs=0.01)


def test_greyness_counts_doubt_about_when_not_the_edge_of_strokes():
    sharp = pen.write_clips(CROSS)
    assert ((sharp > -1) & (sharp < 1)).any()
    undecided = sharp.clone()
    undecided[:, 0] = -1 + (sharp[:, 1] + 1) / 2  # the first frame shows half of everything
    assert pen.greyness(undecided).item() == pytest.approx(((sharp[0, 1] + 1) / 2).sum().item() / 4, rel=1e-4)
    third = clip_of([[1, 0]], [[1, 1]])
    assert pen.greyness(third).item() == 0
    assert pen.greyness(sharp).item() < 0.05 * pen.greyness(undecided).item()


def test_order_is_counted_in_pairs():
    nan = float("nan")
    pairs, whole = pen.in_order(torch.tensor([[1, 2, 3, 4, 5, 6], [1, 3, 2, nan, nan, nan], [2, nan, nan, nan, nan, nan],
                                              [7, 7, nan, nan, nan, nan]]))
    assert pairs[:2].tolist() == pytest.approx([1, 2 / 3]) and pairs[2].isnan() and pairs[3] == 0
    assert whole.tolist() == [True, False, True, False]


def test_measures_refuse_other_shapes():
    for measure in (pen.ink_lost, pen.one_piece):
        with pytest.raises(ValueError, match="any, 6, 28, 28"):
            measure(torch.zeros(2, 1, 28, 28))


def test_exercises_have_the_answers_of_the_data():
    exercises = pen.make_exercises(STROKES, 30, seed=3)
    assert exercises == pen.make_exercises(STROKES, 30, seed=3) != pen.make_exercises(STROKES, 30, seed=4)
    assert len({exercise.character for exercise in exercises}) == 30
    assert {exercise.kind for exercise in exercises} == set(pen.KINDS)
    for kind, character, stroke, answer in exercises:
        count = len(STROKES[character])
        assert count > 1
        assert answer == (f"{count} 画" if kind == "数一数" else f"第 {stroke} 笔")
        assert stroke == 0 if kind == "数一数" else 1 <= stroke <= count
    with pytest.raises(ValueError, match="there are 1 characters"):
        pen.make_exercises({"一": STROKES["一"], "十": CROSS}, 2)


def test_the_sheet_leaves_the_stroke_out_and_the_answers_put_it_in():
    exercises = [pen.Exercise("补一笔", "十", 2, "第 2 笔"), pen.Exercise("第几笔", "十", 1, "第 1 笔")]

    def pen_lines(axis):
        return [line for line in axis.lines if line.get_linewidth() > 2]

    asked = pen.draw_exercises(exercises, STROKES, answers=False)
    told = pen.draw_exercises(exercises, STROKES, answers=True)
    assert [len(pen_lines(axis)) for axis in asked.axes[:2]] == [1, 2]
    assert [len(pen_lines(axis)) for axis in told.axes[:2]] == [2, 2]
    assert [axis.get_title(loc="left") for axis in told.axes[:2]] == ["1. 第 2 笔", "2. 第 1 笔"]
    assert [line.get_linewidth() for line in pen_lines(asked.axes[1])] == [6, 3]
    assert asked.axes[0].get_title(loc="left") == "1. “十”缺第几笔？" and not asked.axes[1].texts
    assert [text.get_text() for text in told.axes[0].texts] == ["1", "2"]


def test_stroke_numbers_stay_apart_and_near_their_strokes():
    for lines in STROKES.values():
        places = np.array(pen.number_places(lines))
        gaps = np.linalg.norm(places[:, None] - places, axis=2) + np.eye(len(lines))
        assert gaps.min() > 0.1
        for line, place in zip(lines, places):
            dense = np.concatenate([np.linspace(p, q, 20) for p, q in pairwise(line)])
            assert np.linalg.norm(dense - place, axis=1).min() < 0.07
    apart = [np.array([[0, 0], [0, 1.0]]), np.array([[0.5, 0], [0.5, 1]])]
    assert np.allclose(pen.number_places(apart), [[0, -0.06], [0.5, -0.06]])  # nothing in the way: beside the start


def test_print_is_the_courses_font():
    x = pen.print_characters("课A课", 23)
    assert x.shape == (3, 1, 28, 28) and x.min() == -1 and x.max() == 1
    assert torch.equal(x[0], x[2]) and (x[0] > 0).sum() > (x[1] > 0).sum() > 20
