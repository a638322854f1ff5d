"""The certificate of the engine on Temporal, on a real server with a worker in this process."""

from __future__ import annotations

import pytest

from lightagent.adapters.engines.temporal.codec import PayloadCipher
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.ports.flow_engine import FlowEngine
from lightagent.testing.contracts.flow_engine import FlowEngineContract
from tests.servers.temporal_server import TemporalServer
from tests.support.working_engine import WorkingEngine


class TestTemporal(FlowEngineContract):
    kind = "temporal"

    @pytest.fixture(autouse=True)
    def server(self, temporal: TemporalServer) -> None:
        self.address = temporal.address

    def make(self) -> FlowEngine:
        return WorkingEngine(self.address)


class TestTemporalEncrypted(TestTemporal):
    """What the server is sent is encrypted, and nothing else differs."""

    kind = "temporal"

    def make(self) -> FlowEngine:
        return WorkingEngine(self.address, PayloadCipher(payload_keys({"spring": "s" * 32})))
