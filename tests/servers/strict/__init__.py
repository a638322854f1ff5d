"""Chat-completions endpoints that check a whole request as their provider documents it, and answer 400 where it errs.

request           a request, read for the rules
rules             what a rule is, and the first complaint that a table of them has
message_rules     about roles, their order, and what messages hold
call_rules        about tool calls and their results
parameter_rules   about everything beside the messages
openai … vllm     one table of rules a provider, each line with its source
providers         all of them, by name
endpoint          the server: judges each request, and answers as its director says
answers           a model's reply, as the bytes of an answer
"""
