"""This extension: its sequential scan and its access methods."""

from methods.base import Method


class SequentialScan(Method):
    name = 'vectordb-seqscan'
    database = 'vectordb'
    extension = 'vectordb'
    exact = True

    def session(self):
        return {'enable_indexscan': 'off'}


class Flat(Method):
    name = 'vectordb-flat'
    database = 'vectordb'
    extension = 'vectordb'
    access_method = 'flat'
    exact = True
    build_call = 'vectordb.build'


METHODS = [SequentialScan, Flat]
