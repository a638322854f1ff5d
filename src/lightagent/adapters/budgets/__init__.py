"""Where accounts of budgets are kept: each file is an adapter of `lightagent.ports.budgets.BudgetAccounts`."""
