"""Sound in, talking face out, while the sound still arrives.

    python scripts/live.py --face PHOTO_OR_SHORT_VIDEO [--checkpoint RUN/best_model_full.pt] [--mp4 OUT]

Standard input is raw 16-bit little-endian mono sound, 16000 samples a second (--sr for another rate). Standard output is raw
rgb24 pictures of the face's own size, 25 a second, each as soon as it is certain; with --mp4 a file takes their place.
Without --checkpoint the training-free generator draws the mouths, of any face.

The microphone, shown in a window (--size says how large the pictures are):

    arecord -q -t raw -f S16_LE -c 1 -r 16000 | python scripts/live.py --face me.jpg --late drop \\
      | ffplay -loglevel error -f rawvideo -pixel_format rgb24 -framerate 25 -video_size $(python scripts/live.py --face me.jpg --size) -

Any file, as if it came over the wire (-re), into an mp4 with its sound:

    ffmpeg -loglevel error -re -i speech.mp3 -f s16le -ac 1 -ar 16000 - | python scripts/live.py --face me.jpg --mp4 out.mp4

Ctrl-C ends the sound: what was heard is still drawn, and the mp4 is whole. Every picture on standard output has a badge that says AI; the mp4 carries the
mark in its metadata. --unmarked REASON leaves both out and logs the reason. A shared or busy machine is often faster with OMP_NUM_THREADS=1.
"""
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lipsync import cli

if __name__ == '__main__':
    if {'-h', '--help'} & set(sys.argv[1:]): print(__doc__)
    sys.exit(cli.run('live', prog='live.py'))
