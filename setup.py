"""Reads settings.ini, the one place where name, version and requirements stand"""
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

cfg = ConfigParser(delimiters=['=']); cfg.read('settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']
data, ray, onnx, board, fid, c2pa, studio, dev = (cfg[f'{k}_requirements'].split() for k in ('data','ray','onnx','board','fid','c2pa','studio','dev'))

setup(name=cfg['pip_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
      author=cfg['author'], author_email=cfg['author_email'], project_urls=dict(Source=cfg['git_url']), license='Apache-2.0',
      classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Science/Research', 'Programming Language :: Python :: 3'],
      long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
      packages=find_packages(include=['lipsync','lipsync.*']), package_data={'lipsync': ['weights/*.safetensors','weights/*.tflite','weights/*.md']}, python_requires=f">={cfg['min_python']}",
      install_requires=cfg['requirements'].split(), extras_require=dict(data=data, ray=data+ray, onnx=onnx, board=board, fid=fid, c2pa=c2pa, studio=data+studio, dev=data+ray+onnx+board+fid+c2pa+studio+dev), zip_safe=False,
      entry_points=dict(console_scripts=cfg['console_scripts'].split(), nbdev=[f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"]))
