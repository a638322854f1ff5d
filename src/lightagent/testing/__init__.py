"""What users test with: told models, fakes, contract suites."""
