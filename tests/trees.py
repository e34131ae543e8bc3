#!/usr/bin/env python3
"""Aggregates of aggregates are the aggregate of all: random events go through
random trees of sg-aggregate processes, whose result is to be that of one.

usage: trees.py SEED ROUNDS
"""
import os
import random
import re
import subprocess
import sys

STATS = ['sum', 'mean', 'min', 'max', 'first', 'last', 'min_at', 'max_at',
         'first_at', 'last_at', 'count', 'energy', 'stddev', 'p50', 'p95',
         'p99.9']
ALONE = ['sum', 'mean', 'min', 'max', 'first', 'last', 'stddev', 'p50',
         'p99.9']
CHOICES = [[], ['load'], ['load', 'flex_dn']]
PROGRAM = os.path.join(os.environ.get('SG_BIN', 'bin'), 'sg-aggregate')


def value(rng):
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(['0', '-0.0', '1e-9', '1e20', '0.1234567890123456789',
                           '123456789012345678901.5', '-7e-30'])
    if kind < 0.3:
        return str(rng.randint(-3, 3))
    return '%.*f' % (rng.randint(0, 3), rng.uniform(-100, 10000))


def events(rng, fields):
    lines = []
    for meter in range(rng.randint(1, 8)):
        unit = rng.choice(['W', 'kW'])
        for _ in range(rng.randint(1, 40)):
            t = '%d.%03d' % (900 + rng.randrange(1800), rng.randrange(1000))
            q = rng.choice([''] * 9 + [',"q":"ESTIMATED"', ',"q":"BAD"'])
            if fields:
                some = rng.sample(fields, rng.randint(1, len(fields)))
                v = '"m":{%s}' % ','.join(
                    '"%s":%s' % (f, value(rng)) for f in some)
            else:
                v = '"v":' + value(rng)
            lines.append('{"topic":"METER/g%d/m%d/Load","t":%s,%s,"u":"%s"%s}'
                         % (meter % 2, meter, t, v, unit, q))
    return lines


def aggregate(lines, options, window, to):
    command = [PROGRAM, '-W', window, '--grace', '1d', '--interval', '1s',
               '--from', 'METER/{g}/{m}/Load', '--from', 'N/{node}/{g}/Load',
               '--to', to] + options
    done = subprocess.run(command, input='\n'.join(lines) + '\n',
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit('%s\n%s' % (' '.join(command), done.stderr))
    return done.stdout.splitlines()


class Tree:
    """Nodes that are given a share of the events each."""

    def __init__(self, rng, options):
        self.rng, self.options, self.nodes = rng, options, 0

    def grow(self, lines, widths):
        """What a parent is given for the lines: some of them as they are."""
        rng, given = self.rng, []
        rng.shuffle(lines)
        shares = [[] for _ in range(rng.randint(1, 3))]
        for line in lines:
            rng.choice(shares).append(line)
        for share in shares:
            if not widths or not share or rng.random() < 0.25:
                given += share
                continue
            self.nodes += 1
            to = 'N/n%d/{g}/Load' % self.nodes
            width = rng.randrange(len(widths))
            given += aggregate(self.grow(share, widths[:width]), self.options,
                               widths[width], to)
        return given


def without_sources(lines):
    return [re.sub(r',"sources":\d+,"missing":\d+(,"age":[\d.]+)?', '', line)
            for line in lines]


def main():
    seed, rounds = int(sys.argv[1]), int(sys.argv[2])
    for number in range(rounds):
        rng = random.Random(seed * 1000 + number)
        fields = rng.choice(CHOICES)
        stats = [rng.choice(ALONE)] if rng.random() < 0.5 else rng.sample(
            STATS, rng.randint(2, len(STATS)))
        options = ['--stat', ','.join(stats)]
        if fields:
            options += ['--field', ','.join('m.' + f for f in fields)]
        lines = events(rng, fields)
        flat = aggregate(lines, options, '15m', 'OUT/{g}/Load')
        tree = Tree(rng, options)
        got = aggregate(tree.grow(list(lines), ['1m', '5m', '15m']), options,
                        '15m', 'OUT/{g}/Load')
        if without_sources(flat) != without_sources(got):
            sys.exit('seed %d round %d, %s, %d nodes:\n%s\n--- not\n%s' % (
                seed, number, ' '.join(options), tree.nodes,
                '\n'.join(without_sources(got)),
                '\n'.join(without_sources(flat))))
    print('%d trees' % rounds)


if __name__ == '__main__':
    main()
