"""Stand-ins for the standard library's primitives, one file each, and their installation.

A stand-in keeps a real one inside. Outside a controlled run it passes every call on; inside, the scheduler lets a
thread go on only when the model says that the call will succeed, and then the real one is used as well. So an object is
never in two states, and threads that nobody controls may share it.
"""
