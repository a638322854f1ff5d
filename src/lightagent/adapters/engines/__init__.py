"""What carries out runs of flows elsewhere than in this process (port: `lightagent.ports.flow_engine.FlowEngine`).

The engine `local` is no adapter: it is the flow in the process of its caller. Others come with packages that announce
them by an entry point of the group ``lightagent.engines``.
"""
