#!/usr/bin/env python3
"""marks.py - kill -9 whatever takes part in a pipeline with marks, at random
moments under load, start it again, and compare what it has published with what
one run over all the input gives.

    sg-sub -c flow --marks [--state F] | FILTER | sg-pub

FILTER is sg-aggregate with a state file, with --filter rule sg-rule with one,
or with --filter pass one that keeps none.  With --pipes 2 a second pipeline
stands by; with --twins the broker is a pair; with --heavy what is between two
marks is more than a frame.  Killed are single processes, whole pipelines and
brokers.

usage: marks.py [--rounds N] [--seed N] [--bin DIR] [--pipes N] [--twins]
                [--filter aggregate|rule|pass] [--heavy]
Exit status 0 if all holds, 1 with the findings if not.
"""
import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

METERS = 20
# Counts the events of each meter, and says when one was silent for 0.2 s.
RULE = r'''
module {"topics": ["MEASUREMENT/{meter}/Load"], "by": "{meter}"};
if .topic == "$SG/TIMER" then
    {topic: "RESULT/\($key)/Silent", v: $state}
else
    (($state // 0) + 1) as $n | {"$state": $n}, {"$timer": ($now + 0.2)},
    {topic: "RESULT/\($key)/Count", v: $n, last: .v}
end
'''
GRACE = 30
# How a process of a pipeline may end when others are killed; 65 if what was
# killed leaves half a line.
FINE = {0, -signal.SIGKILL, -signal.SIGPIPE, 128 + signal.SIGPIPE, 65, 69}


class Broker:
    def __init__(self, world, name, twin=None):
        self.world, self.name, self.twin = world, name, twin
        self.url = 'ipc://%s/%s' % (world.dir, name)
        self.proc = None

    def start(self):
        args = [self.world.tool('sg-broker'), '--name', self.name, '-d',
                os.path.join(self.world.dir, 'log.' + self.name), '-l',
                self.url]
        if self.twin:
            args += ['--twin', 'ipc://%s/%s' % (self.world.dir, self.twin)]
        self.proc = self.world.spawn(args, self.name)

    def kill(self):
        self.proc.kill()
        self.proc.wait()


class Pipe(threading.Thread):
    """A pipeline that is started again whenever it has ended."""

    def __init__(self, world, name):
        super().__init__(daemon=True)
        self.world, self.name = world, name
        self.state = os.path.join(world.dir, 'state.' + name)
        self.procs, self.stop, self.runs = [], False, 0
        self.lock = threading.Lock()

    def commands(self, *more):
        w = self.world
        sub = [w.tool('sg-sub'), '-b', w.urls, '-c', 'flow', '--marks',
               '--from-start', '--retry', '30s', 'MEASUREMENT/#', *more]
        pub = [w.tool('sg-pub'), '-b', w.urls, '--retry', '30s']
        if w.filter == 'pass':
            return [sub, ['sed', '-u', 's,MEASUREMENT/,RESULT/,'], pub]
        return [sub + ['--state', self.state],
                w.command('--state', self.state), pub]

    def begin(self, *more):
        last, procs = subprocess.DEVNULL, []
        commands = self.commands(*more)
        for i, args in enumerate(commands):
            out = subprocess.PIPE if i < len(commands) - 1 else None
            proc = self.world.spawn(args, self.name, last, out)
            if last not in (None, subprocess.DEVNULL):
                last.close()
            last = proc.stdout
            procs.append(proc)
        self.procs = procs
        self.runs += 1

    def ended(self):
        """All of it, soon after the first of them; what is odd is noted."""
        for proc in self.procs:
            try:
                status = proc.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.world.fail('%s: %s goes on alone' %
                                (self.name, proc.args[0]))
                proc.kill()
                status = proc.wait()
            if status not in FINE:
                self.world.fail('%s: %s ended with %d' %
                                (self.name, proc.args[0], status))

    def run(self):
        while not self.stop:
            with self.lock:
                if self.stop:
                    return
                self.begin()
            while not self.stop and all(p.poll() is None for p in self.procs):
                time.sleep(0.005)
            if self.stop:
                return
            self.ended()
            self.world.rest()

    def kill(self, which):
        with self.lock:
            for i, proc in enumerate(self.procs):
                if which in (i, None):
                    proc.kill()

    def finish(self):
        with self.lock:
            self.stop = True
        self.join()
        for proc in self.procs:
            proc.kill()
            proc.wait()


class Load(threading.Thread):
    """Events of now, by an sg-pub that is never killed."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.stop, self.made = world, False, 0
        self.proc = subprocess.Popen(
            [world.tool('sg-pub'), '-b', world.urls, '--retry', '1h', '--src',
             'load'], stdin=subprocess.PIPE, stderr=world.log, env=world.env)

    def put(self, meter, t, v):
        self.proc.stdin.write(
            b'{"topic":"MEASUREMENT/%d/Load","t":%.3f,"v":%d,"u":"W"}\n' %
            (meter, t, v))

    def run(self):
        rng = random.Random(self.world.seed)
        while not self.stop:
            many = (1, 20000) if self.world.args.heavy else (1, 5, 40, 200)
            for _ in range(rng.choice(many)):
                self.made += 1
                self.put(self.made % METERS, time.time(), self.made)
            self.proc.stdin.flush()
            time.sleep(rng.choice((0, 0.01, 0.05, 0.3)))

    def finish(self):
        self.stop = True
        self.join()
        self.end = time.time()
        self.put(METERS, self.end + GRACE + 10, 0)
        self.proc.stdin.close()
        if self.proc.wait(timeout=60) != 0:
            self.world.fail('load: sg-pub ended with %d' %
                            self.proc.returncode)


class World:
    def __init__(self, args):
        self.args, self.seed, self.filter = args, args.seed, args.filter
        self.rng = random.Random(args.seed)
        self.dir = tempfile.mkdtemp(prefix='sgm.')
        self.log = open(os.path.join(self.dir, 'log'), 'ab')
        self.env = dict(os.environ, XDG_STATE_HOME=self.dir, HOME=self.dir,
                        XDG_RUNTIME_DIR=self.dir, TMPDIR=self.dir)
        for name in ('SG_BROKER', 'SG_KEY', 'SG_TRUST', 'SG_NOW'):
            self.env.pop(name, None)
        self.findings, self.kills = [], collections.Counter()
        names = ['A', 'B'] if args.twins else ['A']
        self.brokers = [Broker(self, n, names[1 - i] if args.twins else None)
                        for i, n in enumerate(names)]
        self.urls = ','.join(b.url for b in self.brokers)
        self.pipes = [Pipe(self, 'P%d' % i) for i in range(args.pipes)]

    def tool(self, name):
        return os.path.join(self.args.bin, name)

    def spawn(self, args, who, stdin=subprocess.DEVNULL, stdout=None):
        return subprocess.Popen(args, stdin=stdin, stdout=stdout,
                                stderr=self.log, env=self.env)

    def aggregate(self, *more):
        return [self.tool('sg-aggregate'), '--from',
                'MEASUREMENT/{meter}/Load', '--to', 'RESULT/{meter}/Load/1s',
                '-W', '1s', '--stat', 'sum,count,max', '--grace',
                '%ds' % GRACE, *more]

    def rules(self, *more):
        file = os.path.join(self.dir, 'silent.jq')
        if not os.path.exists(file):
            with open(file, 'w') as f:
                f.write(RULE)
        return [self.tool('sg-rule'), '-r', file, *more]

    def command(self, *more):
        return (self.rules if self.filter == 'rule' else self.aggregate)(*more)

    def fail(self, text):
        self.findings.append(text)

    def rest(self):
        time.sleep(self.rng.choice((0, 0, 0.05, 0.3)))

    def strike(self):
        """One kill."""
        what = self.rng.choice(('sub', 'filter', 'pub', 'pipe', 'pipe',
                                'broker'))
        self.kills[what] += 1
        if what == 'broker':
            broker = self.rng.choice(self.brokers)
            broker.kill()
            time.sleep(self.rng.choice((0, 0.2)))
            broker.start()
            return
        pipe = self.rng.choice(self.pipes)
        pipe.kill({'sub': 0, 'filter': 1, 'pub': 2, 'pipe': None}[what])

    def read(self, filters):
        out = subprocess.run(
            [self.tool('sg-sub'), '-b', self.brokers[0].url, '--retry', '30s',
             '-e', filters], stdout=subprocess.PIPE, env=self.env,
            stderr=self.log, timeout=120)
        if out.returncode not in (0, 1):
            self.fail('sg-sub -e %s ended with %d' % (filters, out.returncode))
        return out.stdout

    def expected(self, events):
        if self.filter == 'pass':
            return events.replace(b'"MEASUREMENT/', b'"RESULT/')
        return subprocess.run(
            self.command(), input=events, stdout=subprocess.PIPE,
            stderr=self.log, env=self.env).stdout

    def results(self, lines, end):
        """What a line says, without who has counted it."""
        out = []
        for line in lines.splitlines():
            event = json.loads(line)
            if self.filter == 'pass':
                out.append((event['topic'], event['v']))
                continue
            for name in ('src', 'ep', 'seq'):
                event.pop(name, None)
            if event['t'] <= end:
                out.append(json.dumps(event, sort_keys=True))
        return out

    def complete(self, want, end):
        """Wait until all results are there, or no more come."""
        quiet, before = time.time(), -1
        while time.time() - quiet < 15:
            got = self.results(self.read('RESULT/#'), end)
            if len(got) >= want:
                time.sleep(1)
                return self.results(self.read('RESULT/#'), end)
            if len(got) != before:
                quiet, before = time.time(), len(got)
            time.sleep(0.2)
        return got

    def compare(self, got, want):
        have, need = collections.Counter(got), collections.Counter(want)
        for what, diff in (('missing', need - have), ('too much', have - need)):
            for each in list(diff)[:5]:
                self.fail('%s: %s' % (what, each))
            if diff:
                self.fail('%s: %d of %d' % (what, sum(diff.values()),
                                            len(want)))
        if self.filter == 'pass':
            rows = collections.defaultdict(list)
            for topic, v in got:
                rows[topic].append(v)
            if any(row != sorted(row) for row in rows.values()):
                self.fail('out of order')

    def run(self):
        for broker in self.brokers:
            broker.start()
        load = Load(self)
        load.start()
        for pipe in self.pipes:
            pipe.start()
        for _ in range(self.args.rounds):
            time.sleep(self.rng.uniform(0.02, self.args.pause))
            self.strike()
        load.finish()
        end = load.end - 1
        if len(self.brokers) > 1:
            time.sleep(3)
        events = self.read('MEASUREMENT/#')
        if events.count(b'\n') != load.made + 1:
            self.fail('%d events of %d' % (events.count(b'\n'), load.made + 1))
        want = self.results(self.expected(events), end)
        got = self.complete(len(want), end)
        for pipe in self.pipes:
            pipe.finish()
        self.compare(got, want)
        print('seed %d: kills %s; %d runs; %d events, %d results, %d wanted' %
              (self.seed, dict(sorted(self.kills.items())),
               sum(p.runs for p in self.pipes), load.made, len(got),
               len(want)))

    def close(self):
        for broker in self.brokers:
            if broker.proc:
                broker.kill()
        self.log.close()
        for text in self.findings:
            print('seed %d: %s' % (self.seed, text))
        if self.findings and not self.args.keep:
            with open(os.path.join(self.dir, 'log'), errors='replace') as f:
                print(''.join(f.readlines()[-30:]), end='')
        if self.args.keep:
            print(self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        return 1 if self.findings else 0


def main():
    p = argparse.ArgumentParser()
    here = os.path.dirname(os.path.abspath(__file__))
    p.add_argument('--rounds', type=int, default=50)
    p.add_argument('--seed', type=int, default=int(time.time()))
    p.add_argument('--bin', default=os.path.join(here, '../../bin'))
    p.add_argument('--pipes', type=int, default=1)
    p.add_argument('--twins', action='store_true')
    p.add_argument('--filter', choices=('aggregate', 'rule', 'pass'),
                   default='aggregate')
    p.add_argument('--heavy', action='store_true')
    p.add_argument('--pause', type=float, default=0.6)
    p.add_argument('--keep', action='store_true')
    world = World(p.parse_args())
    try:
        world.run()
    finally:
        status = world.close()
    sys.exit(status)


main()
