"""How an agent of a swarm hands a run over to another one."""
