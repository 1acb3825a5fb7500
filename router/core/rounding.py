"""Rounding as the numbers of every request are rounded: by whole parts, not by decimal digits."""

from math import floor


def rounded(number: float, parts: float) -> float:
    """The nearest of so many parts of one, the upper of two as near: with 1e3 three decimals are left.

    ``round(number, 3)`` goes by way of the number's digits, which takes three times as long, fifteen times a request.
    """
    return floor(number * parts + 0.5) / parts
