"""python scripts/calculate_total_duration.py --data_dir DIR: hours of video, per person and in total"""
import sys
from lipsync.cli import run

if __name__ == "__main__": sys.exit(run('duration', prog='calculate_total_duration.py'))
