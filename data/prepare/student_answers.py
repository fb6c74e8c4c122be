"""Make data/student_quiz/answers.csv and data/math_exam/answers.csv from two R packages.

    SPISA.rda from psychotree 0.16-0, MathExam14W.rda from psychotools 0.7-2: in Debian 12's packages
    r-cran-psychotree and r-cran-psychotools under usr/lib/R/site-library/PACKAGE/data
    python data/prepare/student_answers.py SPISA.rda MathExam14W.rda      (needs: pip install rdata)

Keeps the answers in the packages' order of students and items. Of what is known about the students it
keeps only what the course looks at: gender, and for the exam the batch and the online tests solved.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import rdata

DATA = Path(__file__).resolve().parents[1]


def read(path: str) -> dict:
    """The columns of the one data frame in an .rda file; rdata's own data frame cannot hold a matrix column."""
    classes = {**rdata.conversion.DEFAULT_CLASS_MAP, "data.frame": lambda columns, attributes: columns}
    (frame,) = rdata.conversion.convert(rdata.parser.parse_file(path), constructor_dict=classes).values()
    return frame


def write(name: str, header: list[str], columns: list) -> None:
    path = DATA / name / "answers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(zip(*columns, strict=True))
    print(f"{path.relative_to(DATA)}: {len(columns[0])} students, {len(columns)} columns")


def main() -> None:
    quiz, exam = read(sys.argv[1]), read(sys.argv[2])
    right = np.asarray(quiz["spisa"]).astype(int)
    write("student_quiz", ["gender", *(f"q{j + 1}" for j in range(right.shape[1]))], [quiz["gender"], *right.T])
    credits = np.asarray(exam["credits"]).astype(int)  # 2 right, 1 wrong, 0 not attempted
    names = [str(name) for name in exam["solved"].coords["dim_1"].values]
    write("math_exam", ["batch", "gender", "tests", *names],
          [exam["group"], exam["gender"], np.asarray(exam["tests"]).astype(int), *credits.T])


if __name__ == "__main__":
    main()
