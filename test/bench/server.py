"""The private server: created, started with fixed settings, stopped.

Relies on install.Tree for the programs.  Promises that the system's own
server is not touched, that the server runs as an unprivileged user, and that
it is gone when the bench ends, also after an error.
"""

import os
import pwd
import shutil
import subprocess
import tempfile

import psycopg2

from progress import say

PORT = 54329


def fixed_settings(options):
    """Settings under which everything is measured, in the same run."""
    return {
        'shared_buffers': options.shared_buffers,
        'maintenance_work_mem': options.maintenance_work_mem,
        'work_mem': '4MB',
        'max_parallel_workers_per_gather': '0',
        'max_parallel_maintenance_workers': str(options.build_workers),
        'jit': 'off',
        'autovacuum': 'on' if options.unattended else 'off',
        'wal_level': 'replica',
        'full_page_writes': 'on',
        'fsync': 'on',
        'synchronous_commit': 'on',
        'wal_compression': 'off',
        'checkpoint_timeout': '1h',
        'max_wal_size': '32GB',
        'min_wal_size': '2GB',
        'max_connections': '40',
    }


class Server:
    """One cluster below the work folder."""

    def __init__(self, tree, work, options):
        self.tree = tree
        self.options = options
        self.settings = fixed_settings(options)
        for text in options.set:
            name, _, value = text.partition('=')
            self.settings[name] = value
        self.data = os.path.join(work, 'data')
        self.log = os.path.join(work, 'server.log')
        self.socket = tempfile.mkdtemp(prefix='vdbbench-')
        self.owner = pwd.getpwuid(os.getuid()).pw_name
        self.as_owner = {}
        if os.getuid() == 0:
            self.owner = options.user
            entry = pwd.getpwnam(self.owner)
            self.as_owner = {'user': entry.pw_uid, 'group': entry.pw_gid,
                             'extra_groups': []}
            os.chown(self.socket, entry.pw_uid, entry.pw_gid)
        self.started = False

    def program(self, name):
        return os.path.join(self.tree.bindir, name)

    def call(self, command):
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, cwd='/',
                              **self.as_owner)
        if done.returncode:
            raise SystemExit('%s failed:\n%s' % (command[0], done.stdout))

    def start(self, preload):
        shutil.rmtree(self.data, ignore_errors=True)
        os.mkdir(self.data, 0o700)
        open(self.log, 'w').close()
        if self.as_owner:
            for path in (self.data, self.log):
                os.chown(path, self.as_owner['user'], self.as_owner['group'])
        self.call([self.program('initdb'), '-D', self.data, '-A', 'trust',
                   '-U', self.owner, '--no-locale', '-E', 'UTF8'])
        if preload:
            self.settings['shared_preload_libraries'] = ','.join(preload)
        with open(os.path.join(self.data, 'postgresql.auto.conf'), 'a') as f:
            f.write("listen_addresses = ''\nport = %d\n"
                    "unix_socket_directories = '%s'\n" % (PORT, self.socket))
            for name, value in self.settings.items():
                f.write("%s = '%s'\n" % (name, value))
        say('starting the server')
        self.start_again({})

    def start_again(self, overrides):
        """Start what was stopped, with some settings changed."""
        words = ['-c %s=%s' % pair for pair in overrides.items()]
        # no pipe here: the server would hold it open
        subprocess.run([self.program('pg_ctl'), '-D', self.data, '-l',
                        self.log, '-w', '-s', '-o', ' '.join(words), 'start'],
                       check=True, cwd='/', stdout=subprocess.DEVNULL,
                       **self.as_owner)
        self.started = True

    def stop_for_a_while(self):
        self.call([self.program('pg_ctl'), '-D', self.data, '-w', '-s', '-m',
                   'fast', 'stop'])
        self.started = False

    def stop(self):
        if self.started:
            self.started = False
            subprocess.run([self.program('pg_ctl'), '-D', self.data, '-w',
                            '-s', '-m', 'immediate', 'stop'], cwd='/',
                           **self.as_owner)
        shutil.rmtree(self.socket, ignore_errors=True)

    def connect(self, database):
        connection = psycopg2.connect(host=self.socket, port=PORT,
                                      user=self.owner, dbname=database)
        connection.autocommit = True
        return connection

    def create_database(self, database, extension):
        with_system = self.connect('postgres')
        with_system.cursor().execute('CREATE DATABASE ' + database)
        with_system.close()
        connection = self.connect(database)
        connection.cursor().execute(
            'CREATE EXTENSION %s CASCADE' % extension)
        connection.close()

    def environment(self, settings):
        """Environment of client programs, with settings for the session."""
        words = ['-c %s=%s' % pair for pair in settings.items()]
        return dict(os.environ, PGHOST=self.socket, PGPORT=str(PORT),
                    PGUSER=self.owner, PGOPTIONS=' '.join(words))
