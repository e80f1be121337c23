"""bench/RESULTS.md: a section for each command that was measured. A run replaces its own section and leaves the others as they are.

    figures = Figures('bench/ingest --store sqlite', 'New events, ...')
    figures.add('server: new events', '17695 events/s', 'p50 2.5 ms')       printed at once
    figures.write()
"""
import datetime
import os
import pathlib
import platform
import re

FILE = pathlib.Path(__file__).resolve().parent / 'RESULTS.md'
HEAD = """# Results

Each section is one run of the command that it is called by; running it again replaces that section alone. What sends and what is asked share the machine
with the server, so ratios within a section count more than absolutes.
"""


def machine():
    model = re.search(r'^model name\s*:\s*(.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.M)
    memory = int(re.search(r'^MemTotal:\s+(\d+)', pathlib.Path('/proc/meminfo').read_text(), re.M)[1]) // 1024 // 1024
    return '%s, %d cores, %d GB, Linux %s' % (model[1] if model else platform.machine(), os.cpu_count(), memory, '.'.join(platform.release().split('.')[:2]))


def resident_mb(pid):
    return int(re.search(r'^VmRSS:\s+(\d+) kB', pathlib.Path('/proc/%d/status' % pid).read_text(), re.M)[1]) / 1024


def cpu_s(pid):
    fields = pathlib.Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def sections(text):
    """[(title, body)] of a file as it is written here."""
    parts = re.split(r'^## (.*)\n', text, flags=re.M)[1:]
    return [(title, body.strip()) for title, body in zip(parts[::2], parts[1::2])]


class Figures:
    def __init__(self, command, what):
        self.title, self.what, self.rows, self.load = '`%s`' % command, what, [], os.getloadavg()[0]

    def add(self, what, figure, note=''):
        self.rows.append((what, figure, note))
        print('%-56s %22s   %s' % self.rows[-1], flush=True)

    def body(self):
        lines = ['%s, %s, load average %.1f before the run. %s' % (datetime.date.today(), machine(), self.load, self.what), '', '| what | figure | |', '|---|--:|---|']
        return '\n'.join(lines + ['| %s | %s | %s |' % row for row in self.rows])

    def write(self, file=FILE):
        had = sections(file.read_text()) if file.exists() else []
        new = sorted([s for s in had if s[0] != self.title] + [(self.title, self.body())])
        file.write_text(HEAD + ''.join('\n## %s\n\n%s\n' % s for s in new))
