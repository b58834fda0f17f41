"Dubbing, importable from one place; what is behind a name is imported when it is first asked for"
from importlib import import_module
from lipsync.config import explain_missing

_HOMES = {'Dubber': 'dub', 'DubReport': 'dub', 'dub_video': 'dub', 'from_model': 'dub', 'generator': 'dub', 'Generator': 'generators', 'Live': 'live', 'load_person': 'person', 'PersonGenerator': 'person', 'TrainingFree': 'training_free'}
__all__ = [*_HOMES]

def __getattr__(name):
    if name not in _HOMES: raise AttributeError(f"module 'lipsync.dub' has no attribute {name!r}")
    with explain_missing(): return getattr(import_module(f'lipsync.dub.{_HOMES[name]}'), name)

def __dir__(): return sorted({*globals(), *__all__})
