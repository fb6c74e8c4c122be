"""Daily prices of stocks, and what is asked of them before anybody counts on them.

A table of prices is a ``pandas.DataFrame``: a trading day a row, a stock a column, adjusted for splits and dividends.
"""

from typing import TYPE_CHECKING

import numpy as np

from aigc_lib.catalog import data_file

if TYPE_CHECKING:  # only tables need pandas
    import pandas as pd

LONGEST_GAP = 10  # calendar days; markets closed for a week in September 2001


def load_sp500_prices() -> "pd.DataFrame":
    """20 stocks of the S&P 500 from 1990 to 2022, (8313, 20) in US dollars, from the package skfolio.

    All of them were still in the index at the end: see ``data/sp500_prices/card.md`` on survivors.
    """
    import pandas as pd

    return pd.read_csv(data_file("sp500_prices", "datasets/data/sp500_dataset.csv.gz"), index_col=0, parse_dates=True)


def daily_returns(prices: "pd.DataFrame", least: int = 250) -> "pd.DataFrame":
    """Simple returns, a day fewer than prices. least: how many days of returns there must be.

    Raises TypeError for rows without dates, ValueError for days out of order or twice, missing days or prices,
    prices of zero or less, a stock whose price never moves, and a history that is too short; it never fills a hole.
    """
    import pandas as pd

    if not isinstance(prices.index, pd.DatetimeIndex):
        raise TypeError(f"prices need dates as their index, found {type(prices.index).__name__}.")
    if not prices.index.is_monotonic_increasing or prices.index.has_duplicates:
        raise ValueError("the days of prices must increase, each once; sort them and drop doubles.")
    if len(prices) <= least:
        raise ValueError(f"{len(prices)} days of prices are too few: {least} returns need {least + 1}.")
    for what, wrong in (("prices missing", prices.isna()), ("infinite prices", np.isinf(prices)),
                        ("prices of zero or less", prices <= 0)):
        if wrong.any(axis=None):
            stock = wrong.sum().idxmax()
            raise ValueError(f"{stock} has {int(wrong[stock].sum())} {what}, the first on {_day(wrong[stock].idxmax())}; "
                             f"correct the source or leave the stock out.")
    gaps = prices.index.to_series().diff().dt.days
    if gaps.max() > LONGEST_GAP:
        raise ValueError(f"no prices for {gaps.max():.0f} days before {_day(gaps.idxmax())}: at most {LONGEST_GAP} "
                         f"are usual; fill in the missing days from the source.")
    still = [str(stock) for stock in prices if prices[stock].nunique() == 1]
    if still:
        raise ValueError(f"the price never moves: {', '.join(still)}; leave it out.")
    return prices.pct_change().iloc[1:]


def _day(when: "pd.Timestamp") -> str:
    return f"{when:%Y-%m-%d}"
