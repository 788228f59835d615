from pages.components.decide.costs import PRICES, cost_table

MEASURED = {
    "protocol": {"codes": 100_000, "file_bytes": 20_000},
    "bytes": 50_000,
    "seconds": {"hash": 0.02, "seal": 0.016, "search": 0.001, "open": 0.0009},
}


def test_costs_follow_from_bytes_seconds_and_prices():
    table = cost_table(MEASURED, {"gigabyte": 0.1, "hour": 0.5})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[2][1:] == ["5.0 GB", "0.50 euros"]
    assert rows[3][1:] == ["1.0 core hours", "0.50 euros"]
    assert rows[4][1:] == ["30 core seconds", "less than 0.01 euros"]
    assert rows[5][1:] == ["2.0 GB", "0.20 euros"]


def test_every_price_has_a_first_value_within_its_bounds():
    for title, first, most, step in PRICES.values():
        assert title
        assert 0 < step <= first < most
