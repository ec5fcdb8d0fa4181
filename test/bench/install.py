"""A private copy of the server's tree, with the extensions to be compared.

The tree of the chosen pg_config is copied below the work folder under its own
absolute names; PostgreSQL finds its other folders relative to the program, so
the copy runs from where it is, and nothing is installed into the system.
"""

import os
import shutil
import subprocess

from progress import say

SKIPPED = shutil.ignore_patterns(
    '.git', '*.o', '*.so', '*.bc', '*.d', 'results', 'tmp_check', 'output_iso',
    'build', '__pycache__')


def run(command, **options):
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise SystemExit('%s failed:\n%s' % (' '.join(command),
                                             done.stdout[-4000:]))
    return done.stdout


class Tree:
    """The private copy: where it is, and what was installed into it."""

    def __init__(self, work, pg_config):
        self.work = work
        self.pg_config = shutil.which(pg_config)
        if not self.pg_config:
            raise SystemExit('no program "%s"' % pg_config)
        self.root = os.path.join(work, 'tree')
        self.bindir = self.root + self.ask('--bindir')
        self.sources = {}

    def ask(self, option):
        return run([self.pg_config, option]).strip()

    def copy(self):
        shutil.rmtree(self.root, ignore_errors=True)
        for option in ('--bindir', '--pkglibdir', '--sharedir'):
            folder = self.ask(option)
            shutil.copytree(folder, self.root + folder, symlinks=True,
                            ignore=shutil.ignore_patterns('bitcode', 'man'),
                            dirs_exist_ok=True)

    def install(self, name, origin):
        """Install from a source folder or a Debian package."""
        if os.path.isdir(origin):
            self.build(name, origin)
        elif origin.endswith('.deb'):
            say('unpacking %s', os.path.basename(origin))
            run(['dpkg-deb', '-x', origin, self.root])
        else:
            raise SystemExit('%s is neither a source folder nor a Debian '
                             'package' % origin)
        self.sources[name] = describe_source(origin)

    def build(self, name, folder):
        say('building %s', name)
        copy = os.path.join(self.work, 'src', name)
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy, symlinks=True, ignore=SKIPPED)
        make = ['make', '-C', copy, '-j', str(os.cpu_count() or 1),
                'PG_CONFIG=' + self.pg_config, 'with_llvm=no']
        run(make)
        run(make + ['install', 'DESTDIR=' + self.root])

    def add_built(self, name, folder):
        """Copy what a build left in FOLDER/build, as pgrx projects do."""
        build = os.path.join(folder, 'build')
        for part, option in (('pkglibdir', '--pkglibdir'),
                             ('sharedir', '--sharedir')):
            shutil.copytree(os.path.join(build, part),
                            self.root + self.ask(option), dirs_exist_ok=True)
        self.sources[name] = describe_source(folder)

    def require(self, name):
        """Fail unless the tree has the extension from somewhere."""
        control = os.path.join(self.root + self.ask('--sharedir'),
                               'extension', name + '.control')
        if not os.path.exists(control):
            raise SystemExit('the server has no extension "%s"; name its '
                             'source folder or Debian package' % name)
        self.sources.setdefault(name, 'installed for the server')


def describe_source(origin):
    """A commit where git knows one, else the file's name; no path."""
    if os.path.isdir(origin):
        done = subprocess.run(
            ['git', '-C', origin, 'describe', '--always', '--dirty'],
            capture_output=True, text=True)
        top = subprocess.run(
            ['git', '-C', origin, 'rev-parse', '--show-toplevel'],
            capture_output=True, text=True)
        if done.returncode == 0 and \
                os.path.realpath(top.stdout.strip()) == \
                os.path.realpath(origin):
            return 'source, commit ' + done.stdout.strip()
        return 'source folder'
    return os.path.basename(origin)
