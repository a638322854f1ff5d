"""Engines that execute flow runs outside of this process (port: `lightagent.ports.flow_engine.FlowEngine`).

The engine `local` is not an adapter: it executes the flow in the process of its caller. Packages can add others with
an entry point of the group ``lightagent.engines``.
"""
