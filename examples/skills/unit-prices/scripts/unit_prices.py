"""Prints offers by their price for 1,000 units: unit_prices.py SHOP=PRICE/AMOUNT ..."""

import sys

offers: dict[str, float] = {}
for argument in sys.argv[1:]:
    shop, _, offer = argument.partition("=")
    price, _, amount = offer.partition("/")
    offers[shop] = float(price) / float(amount) * 1000
for shop, unit_price in sorted(offers.items(), key=lambda item: item[1]):
    print(f"{shop}: {unit_price:.2f}")
