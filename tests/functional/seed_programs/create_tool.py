agent.create_tool(
    "Create a tool that calls the internal order status API.",
    tools_directory="tools",
)
