"""Who paid back: public tables of loans, one row an applicant, and how to split them.

``default`` is True for a loan that went bad. Columns keep the names of their source.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aigc_lib.catalog import data_file

if TYPE_CHECKING:  # imported where it is needed: it takes a second
    import pandas as pd

CREDIT_NUMBERS = ("Seniority", "Time", "Age", "Expenses", "Income", "Assets", "Debt", "Amount", "Price")
CREDIT_CATEGORIES = ("Home", "Marital", "Records", "Job")
CLUB_NUMBERS = ("funded_amnt", "int_rate", "annual_inc", "delinq_2yrs", "inq_last_6mths", "revol_util", "open_il_6m",
                "open_il_12m", "open_il_24m", "total_bal_il", "all_util", "inq_fi", "inq_last_12m", "num_il_tl",
                "total_il_high_credit_limit")
CLUB_CATEGORIES = ("term", "verification_status", "emp_length")  # not the state, nor the grade, which follows the rate


class Loans(NamedTuple):
    """What is known of N applicants, and whether each defaulted: bool (N,)."""

    table: "pd.DataFrame"
    default: np.ndarray


def load_credit_data() -> Loans:
    """4,454 consumer loans, Spain, 13 columns: nine numbers, four categories, some missing. 28 % defaulted."""
    return _loans("credit_data", "Status")


def load_lending_club() -> Loans:
    """9,857 Lending Club loans of 2016, 22 columns, nothing missing. 5 % were late or lost when they were looked at."""
    return _loans("lending_club", "Class")


def load_german_credit(labels: str = "corrected") -> "pd.DataFrame":
    """1,000 loans of a German bank, 1973-75: ``duration`` in months, ``amount`` in marks, ``age`` in years, 17
    categories in Chinese, and ``bad`` (bool): was it paid back badly.

    labels: "corrected" says what the codes mean after Groemping 2019, "statlog" what Hofmann's table said.
    """
    import pandas as pd

    if labels not in ("corrected", "statlog"):
        raise ValueError(f'labels must be "corrected" or "statlog", found {labels!r}.')
    table = pd.read_csv(data_file("german_credit", "applications.csv"), dtype=str, keep_default_na=False)
    for column, said in pd.read_csv(data_file("german_credit", "labels.csv"), dtype=str).groupby("column"):
        table[column] = table[column].map(dict(zip(said["code"], said[labels])))
    numbers = {"duration": int, "amount": int, "age": int}
    return table.astype(numbers).assign(bad=table["risk"] == "坏").drop(columns="risk")


def _loans(name: str, outcome: str) -> Loans:
    import pandas as pd

    table = pd.read_csv(data_file(name, "loans.csv.gz"))
    return Loans(table.drop(columns=outcome), (table[outcome] == "bad").to_numpy())


def split_loans(loans: Loans, seed: int) -> tuple[Loans, Loans, Loans]:
    """Three fifths to learn from, a fifth to choose and calibrate on, a fifth to test on; equal shares of defaults."""
    from sklearn.model_selection import train_test_split

    def part(rows: np.ndarray) -> Loans:
        return Loans(loans.table.iloc[rows].reset_index(drop=True), loans.default[rows])

    rest, test = train_test_split(np.arange(len(loans.default)), test_size=0.2, stratify=loans.default, random_state=seed)
    train, valid = train_test_split(rest, test_size=0.25, stratify=loans.default[rest], random_state=seed)
    return part(train), part(valid), part(test)
