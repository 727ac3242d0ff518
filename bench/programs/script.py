# Dictionaries, lists, strings and objects; as the suite: one unit, "begin", more units, their checksum.
import sys


class Account:
    def __init__(self, name):
        self.name = name
        self.balance = 0

    def add(self, amount):
        self.balance = (self.balance * 3 + amount) % 1000003
        return self.balance


def randoms(count, seed=12345):
    for _ in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        yield seed


def unit():
    accounts = {}
    text = []
    for value in randoms(400):
        name = "n%d" % (value % 37)
        account = accounts.setdefault(name, Account(name))
        text.append("%s=%d" % (name, account.add(value >> 8)))
    pairs = sorted(item.split("=") for item in text)
    total = sum(int(value) * len(name) for name, value in pairs)
    squares = [i * i % 17 for i in range(500) if i % 3]
    return (total + sum(squares) + len(set(text))) & 0xFFFFFFFF


first = unit()
print("begin", flush=True)
for _ in range(int(sys.argv[1])):
    assert unit() == first
print(first)
