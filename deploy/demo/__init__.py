"""The demonstration: four cities trade, from registration to discharge (deploy/demo.sh).

__main__         the command: options, signals, cleaning up, exit status
story            every figure, date and expected code (story.toml), and the input files
stage            the network as processes: start, clock, kill, restart, one state root on all nodes
desk             transactions in the name of users; what was refused left everything as it was
money            wallets at the registration center, payments and their proofs
carried          waiting until the relay has carried a payment's proof
opening          steps 0 to 3: network, parties, e-invoices, customs declaration
customs_oracles  step 3: seven oracles tell the release
lending          steps 4 to 6, 10, 12, 13 and 19: financing against payment proofs, and the attacks on it
delivery         step 11: leaf against a conditional coin
credential       steps 7 to 9, 20 and 21: issued, split, transferred, paid, given back
fork             step 23: the center signs two histories and is convicted
outage           a city killed in the middle and started again
evidence         step 27: one file that shows all of it, checked offline by two programs
report           the lines people read
"""
