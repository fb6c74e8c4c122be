"""Sliders for a picture: in JupyterLab they move, and a row of still pictures shows what they do without a kernel.

    explore(draw, {"guidance": ("引导强度", (1.0, 1.5, 2.0))}, stills=[{"guidance": 1.0}, {"guidance": 2.0}],
            alt="引导从 1 到 2，图越来越典型")
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from aigc_lib import plotting

if TYPE_CHECKING:  # imported where it is needed: drawing needs no widgets
    import ipywidgets

Control = tuple[str, Sequence[Any]]  # a label, and the values that the slider stops at


def explore(draw: Callable[..., Figure], controls: Mapping[str, Control], stills: Sequence[Mapping[str, Any]],
            alt: str, columns: int = 3) -> None:
    """Show ``draw(**values)`` at the ``stills``, side by side with their values under them, then the sliders.

    controls: for each argument of ``draw`` its slider. ``draw`` must use random numbers of its own seed only, so
    that the same values give the same picture. A ValueError of ``draw`` becomes a sentence in place of the picture.
    Raises ValueError for a still that is not a position of every slider.
    """
    from IPython.display import display

    for still in stills:
        _check(still, controls)
    captions = ["，".join(f"{label} {_said(still[key])}" for key, (label, _) in controls.items()) for still in stills]
    plotting.show(plotting.contact_sheet([draw(**still) for still in stills], captions, columns), alt=alt)
    display(sliders(draw, controls, stills[0]))


def sliders(draw: Callable[..., Figure], controls: Mapping[str, Control], start: Mapping[str, Any]
            ) -> "ipywidgets.VBox":
    """The sliders at ``start``, and below them the place where a new picture appears when one has moved."""
    import ipywidgets as widgets

    wide = {"style": {"description_width": "initial"}, "layout": widgets.Layout(width="60%")}
    moved = {key: widgets.SelectionSlider(options=[(_said(value), value) for value in values], value=start[key],
                                          description=label, continuous_update=False, **wide)
             for key, (label, values) in controls.items()}
    screen = widgets.Output()

    def redraw(_: object) -> None:
        values = {key: slider.value for key, slider in moved.items()}
        with screen:
            screen.clear_output(wait=True)
            try:
                figure = draw(**values)
            except ValueError as problem:
                print(problem)
                return
            plotting.show(figure, alt="，".join(f"{slider.description} {_said(slider.value)}" for slider in moved.values()))

    for slider in moved.values():
        slider.observe(redraw, names="value")
    return widgets.VBox([widgets.HTML("拖动滑块，松手就重画；也可以点住它，用左右方向键。"), *moved.values(), screen])


def _check(still: Mapping[str, Any], controls: Mapping[str, Control]) -> None:
    if set(still) != set(controls):
        raise ValueError(f"a still needs a value for {', '.join(controls)}, found {', '.join(still) or 'none'}.")
    for key, (_, values) in controls.items():
        if still[key] not in values:
            raise ValueError(f"{key} can be {', '.join(map(_said, values))}, found {_said(still[key])}.")


def _said(value: Any) -> str:
    return f"{value:g}".replace("-", "−") if isinstance(value, int | float) else str(value)
