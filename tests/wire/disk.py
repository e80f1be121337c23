"""A disk that is nearly full, for tests of what a server does then."""
import errno
import os
import pathlib
import subprocess


class SmallDisk:
    """A file system of a few megabytes in a directory; only root can make one."""

    def __init__(self, where, megabytes):
        self.where = pathlib.Path(where)
        self.where.mkdir()
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=%dm' % megabytes, 'tmpfs', str(self.where)], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError('a full disk needs a small tmpfs, and only root may mount one: ' + done.stderr.strip())

    def fill(self, leave):
        """A file that leaves so many bytes free."""
        free = os.statvfs(self.where)
        size = free.f_bavail * free.f_frsize - leave
        try:
            with open(self.where / 'ballast', 'ab', buffering=0) as f:
                while size > 0:
                    size -= f.write(b'\0' * min(size, 1 << 16))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self):
        (self.where / 'ballast').unlink()

    def close(self):
        subprocess.run(['umount', '-l', str(self.where)], capture_output=True)
