"""Dub in real time: audio on standard input, frames on standard output.

    python scripts/live.py --face PHOTO_OR_SHORT_VIDEO [--checkpoint RUN/best_model_full.pt] [--mp4 OUT]

Standard input is a sound file of any kind (WAV, MP3, Opus, …; its header says what it is), or raw mono samples: say their type and rate with
--pcm s16le --sr 16000. Standard output is raw rgb24 frames in the size of the face's image, 25 per second, each as soon as it is final; with --mp4 a
file is written instead. Without --checkpoint the training-free generator draws the mouths, for any face.

From the microphone to a window (--size prints the frame size):

    arecord -q -t raw -f S16_LE -c 1 -r 16000 | python scripts/live.py --face me.jpg --overrun drop \\
      | ffplay -loglevel error -f rawvideo -pixel_format rgb24 -framerate 25 -video_size $(python scripts/live.py --face me.jpg --size) -

Any file to an mp4 with its audio, as fast as possible, or in real time (-re):

    python scripts/live.py --face me.jpg --mp4 out.mp4 < speech.mp3
    ffmpeg -loglevel error -re -i speech.mp3 -f wav - | python scripts/live.py --face me.jpg --mp4 out.mp4

Ctrl-C ends the audio: the audio received so far is still drawn, and the mp4 is complete. Every frame on standard output has a badge "AI"; the mp4 has the
mark in its metadata. --unmarked REASON omits both and logs the reason. A shared or busy machine is often faster with OMP_NUM_THREADS=1.
"""
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lipsync import cli

if __name__ == '__main__':
    if {'-h', '--help'} & set(sys.argv[1:]): print(__doc__)
    sys.exit(cli.run('live', prog='live.py'))
