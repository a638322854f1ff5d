for chunk in agent.run("Write a short report about AI agents.", stream=True):
    print(chunk)
