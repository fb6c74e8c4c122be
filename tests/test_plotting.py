"""Pictures: text alternatives, glyph cover, exact pixels, and clear errors."""

import base64
import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from aigc_lib import plotting
from aigc_lib.datasets import FASHION_CLASSES

ROW = {"id": "ch02_1.a", "claim": "自动编码器的重建误差比主成分分析更小", "unit": "像素²", "higher_is_better": False,
       "smallest_difference": 0.001, "diff": -0.0034, "ci_low": -0.0038, "ci_high": -0.003, "verdict": "支持"}
ROWS = [ROW, {**ROW, "higher_is_better": True, "verdict": "不支持"},
        {**ROW, "diff": -0.2, "ci_low": None, "ci_high": None, "verdict": "证据不足"}]
GAN = [[[("噪声 z", "64 维"), ("生成器", "转置卷积", "model")], [("真图 x", "训练集", "data")]], ("判别器", "卷积", "second")]


pytestmark = pytest.mark.usefixtures("fresh_figures")


@pytest.fixture
def shown(monkeypatch):
    """What `show` and `animate` hand to the notebook: a list of (data, metadata)."""
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: outputs.append((data, metadata)))
    return outputs


def picture_of(fig) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(plotting.png(fig))).convert("RGB"))


# text alternatives


def test_show_emits_png_with_alt_and_closes(shown):
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    plotting.show(fig, alt="一条上升的线")
    [(data, metadata)] = shown
    assert metadata == {"image/png": {"alt": "一条上升的线"}}
    assert data["text/plain"] == "一条上升的线"
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).format == "PNG"
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_picture_needs_an_alt(shown, alt):
    with pytest.raises(ValueError, match="text alternative"):
        plotting.show(plt.figure(), alt=alt)
    with pytest.raises(ValueError, match="text alternative"):
        plotting.animate([np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)], alt=alt)
    assert shown == []


@pytest.mark.parametrize("kind", ["tensor", "figure", "array"])
def test_animate(shown, kind):
    def frame(k: int):
        if kind == "tensor":
            return torch.full((3, 1, 8, 8), k / 2 - 1)
        if kind == "array":
            return np.full((20, 30, 3), 50 * k, np.uint8)
        fig, ax = plt.subplots(figsize=(2, 2))
        ax.plot([0, k])
        return fig

    plotting.animate([frame(k) for k in range(5)], alt="从黑到白", seconds=2)
    [(data, metadata)] = shown
    assert metadata == {"image/gif": {"alt": "从黑到白"}}
    gif = Image.open(io.BytesIO(base64.b64decode(data["image/gif"])))
    assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (5, 0, 400)
    assert plt.get_fignums() == []


def test_animate_noise_stays_small(shown):
    noise = torch.Generator().manual_seed(0)
    plotting.animate([torch.randn(20, 1, 28, 28, generator=noise) for _ in range(10)], alt="噪声")
    assert len(shown[0][0]["image/gif"]) * 3 / 4 < 300_000


def test_animate_needs_frames_of_one_size():
    with pytest.raises(ValueError, match="at least 2 frames"):
        plotting.animate([np.zeros((8, 8), np.uint8)], alt="x")
    with pytest.raises(ValueError, match="one size"):
        plotting.animate([np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)], alt="x")


def test_png_takes_a_palette_and_stays_small():
    fig, ax = plt.subplots()
    for role in plotting.COLORS:
        plotting.curve(ax, range(500), np.random.default_rng(0).normal(size=500), role, role)
    content = plotting.png(fig)
    assert Image.open(io.BytesIO(content)).mode == "P"
    assert len(content) < 80_000
    assert plotting.png(fig) == content


# every figure


def every_figure():
    images = torch.rand(6, 1, 28, 28) * 2 - 1
    yield plotting.image_grid(images, FASHION_CLASSES[:6], title="标题：±1、“引号”")
    yield plotting.image_grid(images, columns=3, row_labels=["原图", "重建"], column_labels=["$t=0$", "−1", "½"])
    yield plotting.interval_plot(ROWS)
    yield plotting.interval_plot(ROWS[:1])
    yield plotting.architecture(GAN, "生成对抗网络", links=[("判别器", "生成器", "损失")])
    fig, ax = plt.subplots()
    plotting.curve(ax, range(50), np.linspace(1, -1, 50), "baseline", "基线")
    ax.set(title="训练损失", xlabel="步数", ylabel=r"$\sigma$（灰度）")
    yield fig


def test_every_figure_draws_without_a_warning(caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fig in every_figure():
            plotting.png(fig)
    assert "glyph" not in caplog.text


def test_no_text_leaves_the_figure():
    for fig in every_figure():
        fig.canvas.draw()
        box, renderer = fig.bbox.padded(1), fig.canvas.get_renderer()
        ticks = [tick for ax in fig.axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_major_ticks()
                 if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())]
        undrawn = {label for tick in ticks for label in (tick.label1, tick.label2)}
        for text in set(fig.findobj(plt.Text)) - undrawn:
            if text.get_visible() and text.get_text():
                extent = text.get_window_extent(renderer)
                assert box.containsx(extent.x0), text
                assert box.containsx(extent.x1), text
                assert box.containsy(extent.y0), text
                assert box.containsy(extent.y1), text


# grids


def test_grid_shows_exact_pixels():
    """Every picture is there, enlarged by a whole factor, with not one pixel smoothed."""
    images = torch.linspace(-1, 1, 2 * 16).reshape(2, 1, 4, 4)
    picture = picture_of(plotting.image_grid(images, captions=["甲", "乙"], title="标题"))[:, :, 0]
    factor = plotting.LARGEST_SIDE // 4
    grey = ((images[:, 0] + 1) * 127.5).round().byte().numpy().repeat(factor, 1).repeat(factor, 2)
    windows = np.lib.stride_tricks.sliding_window_view(picture, grey.shape[1:])
    for expected in grey:
        starts = np.argwhere((windows[:, :, 0, 0] == expected[0, 0]) & (windows[:, :, -1, -1] == expected[-1, -1]))
        assert any(np.array_equal(windows[y, x], expected) for y, x in starts)


def test_grid_takes_colour_and_cuts_off():
    red = torch.tensor([5.0, -5.0, -1.0]).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)
    picture = picture_of(plotting.image_grid(red))
    assert (picture == [255, 0, 0]).all(-1).any()


@pytest.mark.parametrize(("images", "message"), [
    (torch.zeros(2, 28, 28), "must have shape"),
    (torch.zeros(2, 2, 28, 28), "1 or 3 channels"),
    (torch.zeros(0, 1, 28, 28), "empty"),
    (torch.full((1, 1, 8, 8), torch.nan), "NaN"),
])
def test_grid_refuses_what_is_no_picture(images, message):
    with pytest.raises(ValueError, match=message):
        plotting.image_grid(images)


def test_grid_counts_its_labels():
    images = torch.zeros(4, 1, 8, 8)
    for arguments in ({"captions": ["a"]}, {"row_labels": ["a"]}, {"column_labels": ["a"] * 4}):
        with pytest.raises(ValueError, match=f"{next(iter(arguments))} needs"):
            plotting.image_grid(images, columns=2, **arguments)


# charts and diagrams


def test_curve_smooths_and_keeps_the_role():
    _, ax = plt.subplots()
    noise = np.random.default_rng(0).normal(size=1000)
    plotting.curve(ax, range(1000), 3 + noise, "document", "文档")
    [line] = ax.lines
    assert line.get_color() == plotting.COLORS["document"]
    assert np.abs(line.get_ydata() - 3).max() < 1
    assert len(ax.collections) == 1
    with pytest.raises(ValueError, match="one length"):
        plotting.curve(ax, [1, 2], [1, 2, 3])


def test_interval_plot_points_to_the_better_side():
    """A smaller error is an improvement: right of zero, in units of the smallest difference."""
    ax = plotting.interval_plot(ROWS).axes[0]
    points = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert points == pytest.approx([3.4, -3.4, 200])
    assert ax.get_xscale() == "symlog"
    assert [label.get_text().replace("\n", "") for label in ax.get_yticklabels()] == [ROW["claim"]] * 3
    texts = " ".join(text.get_text() for text in ax.texts)
    assert all(row["verdict"] in texts for row in ROWS)
    with pytest.raises(ValueError, match="at least one row"):
        plotting.interval_plot([])


def test_long_claims_take_two_lines_at_most():
    wrapped = plotting._wrapped("生成对抗网络的图片比变分自编码器的更多样，也更清楚，而且训练得更快更稳定更省")
    lines = wrapped.split("\n")
    assert len(lines) == 2
    assert max(map(len, lines)) <= 18
    assert wrapped.endswith("…")
    assert plotting._wrapped("一二三四五六七八九十 Transformer 更好") == "一二三四五六七八九\n十 Transformer 更好"


def test_architecture_boxes_do_not_overlap():
    ax = plotting.architecture(GAN, "生成对抗网络").axes[0]
    boxes = [patch.get_bbox() for patch in ax.patches if hasattr(patch, "get_boxstyle")]
    assert len(boxes) == 4
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[:i])


def test_architecture_text_fits_its_box():
    fig = plotting.architecture([("一个名字很长的网络 U-Net", "细节 $x - v\\,\\Delta t$", "model"), ("z", "16 维向量")])
    fig.canvas.draw()
    boxes = [p.get_window_extent() for p in fig.axes[0].patches if hasattr(p, "get_boxstyle")]
    for text in fig.axes[0].texts:
        if text.get_text():
            extent = text.get_window_extent()
            assert any(b.x0 <= extent.x0 and extent.x1 <= b.x1 and b.y0 <= extent.y0 for b in boxes), text


def test_architecture_refuses_unknown_names():
    with pytest.raises(ValueError, match="a link names 'y'"):
        plotting.architecture(["x"], links=[("x", "y", "损失")])
    with pytest.raises(ValueError, match="has the role 'network'"):
        plotting.architecture([("x", "", "network")])
    with pytest.raises(ValueError, match="at least one block"):
        plotting.architecture([])
