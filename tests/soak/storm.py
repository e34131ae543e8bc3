#!/usr/bin/env python3
"""storm.py - kill -9 broker, publisher and subscribers at random moments
under load, and account for every acknowledged event.

Speaks the wire by itself (SP over a Unix socket), so it does not trust the
client library.  Taking part, each over its own source of numbered events:

  raw     publishes over the wire by itself and notes what is acknowledged
  spool   feeds sg-pub --spool, which is killed; notes what --ack-fd says
  plain   reads all with sg-sub, which is never killed
  cursor  reads all with sg-sub -c, which is killed
  file    reads all with sg-sub -c -o FILE, which is killed

At the end: nothing acknowledged is missing anywhere; plain has nothing twice
and all in order; what cursor has twice is what it read again after a kill;
FILE has nothing twice.

usage: storm.py [--rounds N] [--seed N] [--bin DIR]
Exit status 0 if all holds, 1 with the findings if not.
"""
import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

LINE = '{"topic":"MEASUREMENT/STORM/%s","t":%d,"v":%d,"src":"%s","ep":1,"seq":%d}'
NUMBER = re.compile(rb'"topic":"MEASUREMENT/STORM/(\w+)","t":\d+,"v":(\d+),')


class Wire:
    """One REQ connection: SP greeting, frames with a request id."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(10)
        self.s.connect(path)
        self.s.sendall(b'\0SP\0\0\x30\0\0')
        self.read(8)
        self.id = 0x80000000

    def read(self, n):
        out = b''
        while len(out) < n:
            got = self.s.recv(n - len(out))
            if not got:
                raise ConnectionError('closed')
            out += got
        return out

    def send(self, header, lines=()):
        self.id = 0x80000000 | (self.id + 1 & 0x7fffffff)
        text = '\n'.join([json.dumps(header), *lines]).encode()
        if lines:
            text += b'\n'
        self.s.sendall(b'\x01' + struct.pack('>QI', len(text) + 4, self.id)
                       + text)
        return self.id

    def reply(self):
        n = struct.unpack('>xQ', self.read(9))[0]
        body = self.read(n)
        head, _, lines = body[4:].partition(b'\n')
        return struct.unpack('>I', body[:4])[0], json.loads(head), lines

    def close(self):
        self.s.close()


class Raw(threading.Thread):
    """Publishes over the wire with several frames in flight."""

    def __init__(self, path, rng):
        super().__init__(daemon=True)
        self.path, self.rng = path, rng
        self.chan = '%016x' % rng.getrandbits(64)
        self.made = self.safe = self.frames = 0
        self.stop = False

    def frame(self, first, n):
        return [LINE % ('raw', i, i, 'raw', i)
                for i in range(first, first + n)]

    def session(self):
        wire = Wire(self.path)
        sent, out = self.safe, {}
        try:
            while not self.stop or out:
                while not self.stop and len(out) < 8:
                    n = self.rng.choice((1, 1, 3, 50, 400))
                    ident = wire.send(
                        {'op': 'pub', 'from': 'raw', 'chan': self.chan,
                         'first': sent + 1, 'n': n, 'safe': self.safe},
                        self.frame(sent + 1, n))
                    sent += n
                    self.made = max(self.made, sent)
                    out[ident] = sent
                ident, head, _ = wire.reply()
                out.pop(ident)
                if head.get('ok') or head.get('error') == 'gap':
                    self.safe = max(self.safe, head['safe'])
                if not head.get('ok'):
                    return
                self.frames += 1
                time.sleep(0.001)
        finally:
            wire.close()

    def run(self):
        while not self.stop:
            try:
                self.session()
            except (OSError, ConnectionError):
                time.sleep(0.01)


class Spool(threading.Thread):
    """Feeds sg-pub --spool and goes on after its last word when killed."""

    def __init__(self, storm):
        super().__init__(daemon=True)
        self.storm, self.acked, self.made = storm, 0, 0
        self.stop, self.process, self.twice = False, None, 0

    def start_program(self):
        self.ack_in, ack_out = os.pipe()
        os.set_blocking(self.ack_in, False)
        self.base = self.acked
        self.text = b''
        self.process = subprocess.Popen(
            [self.storm.bin + '/sg-pub', '--spool', self.storm.dir + '/spool',
             '--retry', '60s', '--ack-fd', str(ack_out), '-q'],
            stdin=subprocess.PIPE, pass_fds=(ack_out,),
            stderr=self.storm.errors)
        os.close(ack_out)

    def take_acks(self):
        try:
            self.text += os.read(self.ack_in, 65536)
        except BlockingIOError:
            return
        *whole, self.text = self.text.split(b'\n')
        if whole:
            self.acked = max(self.acked, self.base + int(whole[-1]))

    def feed(self):
        next_line = self.base + 1
        while not self.stop and self.process.poll() is None:
            n = self.storm.rng.choice((1, 5, 200))
            lines = ''.join(LINE % ('spool', i, i, 'spool', i) + '\n'
                            for i in range(next_line, next_line + n))
            try:
                self.process.stdin.write(lines.encode())
                self.process.stdin.flush()
            except BrokenPipeError:
                return
            next_line += n
            self.made = max(self.made, next_line - 1)
            self.take_acks()
            time.sleep(0.002)

    def close_input(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def killed(self):
        """Its last words; said twice if it was killed at the very end."""
        self.process.wait()
        self.close_input()
        if self.ack_in is not None:
            self.take_acks()
            os.close(self.ack_in)
            self.ack_in = None

    def run(self):
        while not self.stop:
            self.start_program()
            self.feed()
            if not self.stop:
                self.killed()

    def finish(self):
        self.stop = True
        self.join()
        if self.process.poll() is not None:
            self.killed()
            self.start_program()
        self.close_input()
        end = time.time() + 60
        while self.process.poll() is None and time.time() < end:
            self.take_acks()
            time.sleep(0.01)
        self.take_acks()
        return self.process.poll()


class Storm:
    def __init__(self, bin_dir, seed):
        self.bin, self.rng = os.path.abspath(bin_dir), random.Random(seed)
        self.dir = tempfile.mkdtemp(prefix='storm.')
        self.path = self.dir + '/s'
        self.env = dict(os.environ, SG_BROKER='ipc://' + self.path,
                        XDG_RUNTIME_DIR=self.dir, XDG_STATE_HOME=self.dir)
        os.environ.update(self.env)
        self.errors = open(self.dir + '/errors', 'wb')
        self.readers, self.kills = {}, collections.Counter()

    def run(self, *args, out=None):
        ready_in, ready_out = os.pipe()
        p = subprocess.Popen(
            [self.bin + '/' + args[0], *args[1:], '--ready-fd',
             str(ready_out)], pass_fds=(ready_out,), stdout=out,
            stderr=self.errors, stdin=subprocess.DEVNULL)
        os.close(ready_out)
        os.read(ready_in, 16)
        os.close(ready_in)
        return p

    def broker(self):
        self.broker_process = self.run(
            'sg-broker', '-l', 'ipc://' + self.path, '-d', self.dir + '/log',
            '--segment-size', '4M', '--retain-size', '0', '-q')

    def reader(self, name):
        out = open(f'{self.dir}/{name}.out', 'ab')
        args = ['sg-sub', 'MEASUREMENT/STORM/*', '--from-start', '--retry',
                '60s', '-q']
        if name != 'plain':
            args += ['-c', name]
        if name == 'file':
            args += ['-o', f'{self.dir}/file.out']
            out = subprocess.DEVNULL
        self.readers[name] = self.run(*args, out=out)

    def kill(self, what):
        self.kills[what] += 1
        if what == 'broker':
            self.broker_process.send_signal(signal.SIGKILL)
            self.broker_process.wait()
            self.broker()
        elif what == 'spool':
            if self.spool.process:
                self.spool.process.send_signal(signal.SIGKILL)
                self.spool.process.wait()
        else:
            self.readers[what].send_signal(signal.SIGKILL)
            self.readers[what].wait()
            self.mark_cut(what)
            self.reader(what)

    def mark_cut(self, name):
        """A kill may cut a line of the plain output: end it."""
        if name != 'cursor':
            return
        with open(f'{self.dir}/{name}.out', 'ab+') as f:
            f.seek(0, 2)
            size = f.tell()
            if size:
                f.seek(size - 1)
                if f.read(1) != b'\n':
                    f.write(b'\n')
            f.write(b'KILLED\n')

    def stored(self):
        """Everything the broker has, by the wire."""
        wire, cursor, out = Wire(self.path), {}, []
        while True:
            wire.send({'op': 'fetch', 'filters': ['#'], 'cursor': cursor})
            _, head, lines = wire.reply()
            assert head.get('ok'), head
            if head['n'] == 0 and head['cursor'] == cursor:
                return out
            cursor = head['cursor']
            out += NUMBER.findall(lines)

    def wait_output(self, name, goal):
        end = time.time() + 60
        while time.time() < end:
            if len(set(self.output(name)[0])) >= goal:
                return
            time.sleep(0.2)

    def output(self, name):
        data = open(f'{self.dir}/{name}.out', 'rb').read()
        runs = [NUMBER.findall(r) for r in data.split(b'KILLED\n')]
        return [n for r in runs for n in r], runs

    def check(self):
        bad = []
        stored = self.stored()
        count = collections.Counter(stored)
        self.total = len(stored)
        for name, acked in ((b'raw', self.raw.safe),
                            (b'spool', self.spool.acked)):
            lost = [i for i in range(1, acked + 1)
                    if (name, b'%d' % i) not in count]
            if lost:
                bad.append(f'{name.decode()}: {len(lost)} acknowledged '
                           f'events lost, first {lost[0]} of {acked}')
        twice = [k for k, n in count.items() if n > 1 and k[0] == b'raw']
        if twice:
            bad.append(f'raw: {len(twice)} events stored twice')
        order = [int(n) for s, n in stored if s == b'raw']
        if order != sorted(order):
            bad.append('raw: stored out of order')
        for name in ('plain', 'cursor', 'file'):
            self.wait_output(name, len(count))
            out, runs = self.output(name)
            missing = set(count) - set(out)
            if missing:
                bad.append(f'{name}: {len(missing)} events missing, '
                           f'one is {sorted(missing)[0]}')
            if name != 'cursor':
                if out != stored:
                    bad.append(f'{name}: output is not what is stored, '
                               f'{len(out)} for {len(stored)} lines')
                continue
            bad += self.check_runs(stored, runs)
        return bad

    def check_runs(self, stored, runs):
        """Each run of a killed reader goes on at or before the last's end."""
        where = collections.defaultdict(list)
        for i, event in enumerate(stored):
            where[event].append(i)
        at = 0
        for run in filter(None, runs):
            begin = next((i for i in where[run[0]] if i <= at
                          and stored[i:i + len(run)] == run), None)
            if begin is None:
                return ['cursor: a run does not go on where, or before, '
                        'the last one ended']
            self.again += at - begin
            at = begin + len(run)
        return []

    def go(self, rounds):
        self.again = 0
        self.broker()
        for name in ('plain', 'cursor', 'file'):
            self.reader(name)
        self.raw = Raw(self.path, random.Random(self.rng.random()))
        self.spool = Spool(self)
        self.raw.start()
        self.spool.start()
        for _ in range(rounds):
            time.sleep(self.rng.uniform(0.02, 0.3))
            self.kill(self.rng.choice(
                ('broker', 'broker', 'spool', 'cursor', 'file')))
        status = self.spool.finish()
        self.raw.stop = True
        self.raw.join()
        bad = self.check()
        if status != 0:
            bad.append(f'sg-pub left with {status}')
        return bad + self.leave()

    def leave(self):
        bad = []
        for p in (*self.readers.values(), self.broker_process):
            p.terminate()
            try:
                p.wait(timeout=30)
            except subprocess.TimeoutExpired:
                bad.append(f'{" ".join(p.args)}: still there 30 s after TERM')
                p.kill()
        return bad


def main():
    args = argparse.ArgumentParser()
    args.add_argument('--rounds', type=int, default=200)
    args.add_argument('--seed', type=int, default=int(time.time()))
    args.add_argument('--bin', default='bin')
    args = args.parse_args()
    storm = Storm(args.bin, args.seed)
    try:
        bad = storm.go(args.rounds)
    except BaseException:
        storm.leave()
        raise
    print(f'seed {args.seed}: kills {dict(storm.kills)}; stored '
          f'{storm.total}; acknowledged raw {storm.raw.safe}, spool '
          f'{storm.spool.acked}; read again by cursor {storm.again}')
    for line in bad:
        print('storm: ' + line)
    if bad:
        print('what is left is in ' + storm.dir)
        return 1
    shutil.rmtree(storm.dir)
    return 0


if __name__ == '__main__':
    sys.exit(main())
