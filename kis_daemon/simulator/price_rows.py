"""The rows of a price file as plain fields: CSV, CSV in gzip, or parquet; `price_file` says what they mean."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REQUIRED = ("symbol", "date", "open", "high", "low", "close", "volume")
OPTIONAL = ("name", "market")


class PriceFileError(ValueError):
    """The price file cannot be used; the message says where and why in one line."""


@contextmanager
def reading(path: Path) -> Iterator[Iterator[tuple[int, tuple[Any, ...]]]]:
    """Give the rows of `path` as (row number, the nine fields in order); absent optional fields are empty."""
    try:
        if path.suffix == ".parquet":
            yield _parquet_rows(path)
        else:
            unpack = gzip.open if path.suffix == ".gz" else open
            with unpack(path, "rt", encoding="utf-8-sig", newline="") as text:
                yield _csv_rows(path, csv.reader(text))
    except UnicodeDecodeError as error:
        raise PriceFileError(f"{path}: not UTF-8 text at byte {error.start}") from None
    except (OSError, EOFError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PriceFileError(f"{path}: cannot be read ({reason})") from None


def _places(path: Path, names: list[str]) -> list[int | None]:
    for field in REQUIRED:
        if field not in names:
            raise PriceFileError(f"{path}: row 1, column {field!r} is missing: expected {','.join(REQUIRED)}")
    return [names.index(field) if field in names else None for field in REQUIRED + OPTIONAL]


def _csv_rows(path: Path, reader: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    names = [name.strip() for name in next(reader, [])]
    places = _places(path, names)
    width = len(names)
    plain = places[:7]
    name_at, market_at = places[7:]
    for row, cells in enumerate(reader, start=2):
        if not cells:
            continue
        if len(cells) != width:
            raise PriceFileError(f"{path}: row {row}, {len(cells)} fields: expected {width}, as in the header")
        yield (
            row,
            (
                *(cells[place] for place in plain if place is not None),
                "" if name_at is None else cells[name_at],
                "" if market_at is None else cells[market_at],
            ),
        )


def _parquet_rows(path: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    try:
        from pyarrow import ArrowInvalid, parquet  # an optional extra, and heavy
    except ImportError:
        raise PriceFileError(
            f"{path}: reading parquet needs pyarrow: install the extra 'research', or give a CSV file"
        ) from None
    try:
        schema = parquet.read_schema(path)
        places = _places(path, schema.names)
        wanted = [field for field, place in zip(REQUIRED + OPTIONAL, places, strict=True) if place is not None]
        table = parquet.read_table(path, columns=wanted)
    except ArrowInvalid as error:
        raise PriceFileError(f"{path}: not a parquet file ({str(error).splitlines()[0]})") from None
    columns = [table.column(field).to_pylist() if field in wanted else None for field in REQUIRED + OPTIONAL]
    for index in range(table.num_rows):
        yield index + 1, tuple("" if column is None else column[index] for column in columns)
