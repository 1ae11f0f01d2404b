"""The story of 28 steps as one command, `city story run`, on what the demonstration is made of (deploy/demo).

cli          the command
script       the storyboard (steps.toml) and the function that plays each step
playing      the steps in their order
channels     which channel stands on which cities (channels.toml), and the play on each
opening      steps 2 and 3: the e-invoice and the goods that customs has released
registry     steps 4 to 6: the banks' registry
receivables  steps 9 and 13: what the end of the chain sees, and the central bank's screens
letter       steps 14 to 16: documentary credit, presentation, draft
forfaiting   step 17: the draft is sold, and sold on
abroad       steps 18 and 19: money across the border
rediscount   step 22: bills become central bank money
stablecoin   step 24: a reserve falls
court        step 25: an order freezes a party
faults       step 26: seven cities, one killed, one lying (lying_node)
balance      what the bank paid, has back and earned
screens      the regulators' looks, each with its receipt

Steps without a module here are the demonstration's own. Figures and dates: story.toml; cast: network.toml.
"""
