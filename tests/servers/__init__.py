"""Real and deliberately faulty servers for the functional tests, and the check that nothing leaked.

smollm        a real language model in llama.cpp's server            a child process
aimock        CopilotKit's mock of the OpenAI API, run by node       a child process
fault_server  our own raw server, for what no well-behaved one does  a thread of the test process
strict        endpoints that refuse what their providers refuse       in the event loop of the test
leaks         compares tasks, threads and sockets before and after a test
"""
