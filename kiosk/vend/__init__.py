"""The shop: facts, sale, tariff, card, limits, receipt, journal, desk. Knows no device, no terminal, no network."""
