"""Contract suites: subclass one, say how your adapter is reached, and pytest certifies it."""

from __future__ import annotations

import pytest

# Their assertions should say as much as those of your own tests.
pytest.register_assert_rewrite("lightagent.testing.contracts.budget_accounts")
pytest.register_assert_rewrite("lightagent.testing.contracts.chat_model")
pytest.register_assert_rewrite("lightagent.testing.contracts.embedder")
pytest.register_assert_rewrite("lightagent.testing.contracts.telemetry_sink")
pytest.register_assert_rewrite("lightagent.testing.contracts.token_counter")
pytest.register_assert_rewrite("lightagent.testing.contracts.tool_source")
