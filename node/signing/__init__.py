"""Keys that are not files of the node: a signing service of our own, and devices behind PKCS#11.

`held.py` is what a node sees, whatever is behind; `purposes.py` says what a key may sign, `guard.py` remembers
votes; `service.py` and `remote.py` are both ends of the service, `pkcs11.py` is a device.
"""
