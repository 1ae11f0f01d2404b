"""What node/client.py, the public module, is made of: contexts, connections, typed answers, errors."""
