"""What tests share: fixtures, builders, servers that stand for others; no test is in here."""
