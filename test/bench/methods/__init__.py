"""The methods that can be compared; a new rival is one more file here.

A file defines classes derived from base.Method (searched through the server)
or base.Library (searched inside this process) and lists them in METHODS.
"""

from methods import libraries, pgvector, vectorchord, vectordb

ALL = {cls.name: cls
       for module in (vectordb, pgvector, vectorchord, libraries)
       for cls in module.METHODS}


def create(text):
    """A method from its name and options, name:option=value:..."""
    name, *words = text.split(':')
    if name not in ALL:
        raise SystemExit('no method "%s"; the methods are %s'
                         % (name, ', '.join(sorted(ALL))))
    options = {}
    for word in words:
        option, _, value = word.partition('=')
        options[option] = value
    return ALL[name](options)
