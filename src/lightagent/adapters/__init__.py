"""Technologies behind the ports: a folder a port family, a file a technology."""
