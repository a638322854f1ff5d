"""Prints offers by their price for 1,000 units: compare.py SHOP=PRICE/AMOUNT ..."""

import sys

offers = {}
for argument in sys.argv[1:]:
    shop, _, rest = argument.partition("=")
    price, _, amount = rest.partition("/")
    offers[shop] = float(price) / float(amount) * 1000
for shop, price in sorted(offers.items(), key=lambda offer: offer[1]):
    print(f"{shop}: {price:.2f}")
