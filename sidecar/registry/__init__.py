"""The inbound wire: what a registry posts, and what it says in our words.

`envelope` knows the shape of the bytes, `kinds` what an artifact is, `normalise` joins both into a Notice.
"""
