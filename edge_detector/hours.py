"""A part of every day: from one time of the clock to another, which may be past midnight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

MINUTES_OF_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """From a minute of the day up to, and without, another; ``str(hours)`` is ``22:00-06:00``.

    Raises `ValueError` for minutes that no day has, and for two that are the same.
    """

    start: int  # minutes since midnight
    end: int  # minutes since midnight, up to 24 * 60; before ``start``: of the next day

    def __post_init__(self) -> None:
        if not (0 <= self.start < MINUTES_OF_A_DAY and 0 <= self.end <= MINUTES_OF_A_DAY and self.start != self.end):
            raise ValueError(f"{self}: expected two different times of the day")

    @classmethod
    def parse(cls, text: Self | str) -> Self:
        """Hours of ``22:00-06:00``. Raises `ValueError` for anything else."""
        if isinstance(text, cls):
            return text
        match = re.fullmatch(r"(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)", str(text).strip())
        if not match:
            raise ValueError(f"{text!r}: expected two times of the day, such as 22:00-06:00")
        start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
        return cls(start_hour * 60 + start_minute, end_hour * 60 + end_minute)

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02}-{self.end // 60:02}:{self.end % 60:02}"

    def include(self, time: datetime) -> bool:
        """Whether the clock at ``time`` shows one of these hours."""
        minute = time.hour * 60 + time.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end
