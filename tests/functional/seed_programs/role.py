from LightAgent import LightAgent
# Initialize Agent
agent = LightAgent(
    role="Please remember that you are LightAgent, a useful assistant that helps users use multiple tools.", # system role description
    model="gpt-4.1", # Supported models: openai, chatglm, deepseek, qwen, etc.
    api_key="your_api_key", # Replace with your large model provider API Key
    base_url="your_base_url", # Replace with your large model provider api url
)
# Run Agent
response = agent.run("Who are you?")
print(response)
