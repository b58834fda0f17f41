"""How gain and disturbed sound change the lips and the alignment: python scripts/measure_sound.py CLIP.mpg [more clips, with their transcripts beside them]

For each condition the lips of the training-free generator and the visemes are computed again, and compared with those of the undisturbed sound:
with the text, and from the sound alone. Results are written to benchmarks/results/sound.json; the chapter dub.lips shows them.
"""
import sys, tempfile
from pathlib import Path

import numpy as np, soundfile
from scipy.signal import butter, resample_poly, sosfilt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lipsync.align.timing import visemes_at, what_is_said
from lipsync.audio.lazy import Sound
from lipsync.config import PreprocessConfig, provenance, save_json
from lipsync.dub.lips import APERTURE, hear, load_lips, shut_at, speech_steps
from lipsync.media import read_audio

SR = 16000

def conditions(x) -> dict: # {name: (samples [n] or [n,2], WAV subtype)}
    "The sound under each condition"
    t, level = np.arange(len(x))/SR, np.sqrt(np.mean(np.square(x[np.abs(x) > .02*np.abs(x).max()])))
    hum = lambda f: sum(np.sin(2*np.pi*f*k*t)/k for k in (1,2,3))
    chords = sum(np.sin(2*np.pi*f*2**(np.floor(t*2)[:,None]*np.array([0,5,-2,3])[None]/12).mean(1)*t)/(1+i) for i,f in enumerate((196,247,294,392)))*(.6+.4*np.sin(2*np.pi*2*t))
    under = lambda y, snr: x + y*level/np.sqrt(np.mean(np.square(y)))*10**(-snr/20)
    phone = sosfilt(butter(4, (300,3400), 'bandpass', fs=SR, output='sos'), x); phone = resample_poly(resample_poly(phone, 1, 2), 2, 1)[:len(x)]
    gains = {f'{db:+} dB, 16 bits': (x*10**(db/20), 'PCM_16') for db in (-40,-20,-10,20)} | {'+20 dB, float': (x*10, 'FLOAT')}
    return gains | {'clipped at a quarter of the peak': (np.clip(x, *np.array([-1,1])*np.abs(x).max()/4), 'PCM_16'), 'hum 50 Hz, 10 dB below': (under(hum(50), 10), 'FLOAT'),
        'hum 60 Hz, 10 dB below': (under(hum(60), 10), 'FLOAT'), 'music 10 dB below': (under(chords, 10), 'FLOAT'), 'music 5 dB below': (under(chords, 5), 'FLOAT'),
        'one dead channel': (np.stack([0*x, x], 1), 'PCM_16'), 'channels out of phase': (np.stack([x, -.9*x], 1), 'PCM_16'), 'telephone, 8 kHz': (phone, 'PCM_16')}

def heard(x, kind, text, folder) -> tuple: # (visemes, aperture, closed)
    "Visemes every 10 ms, and the lips 25 times a second"
    soundfile.write(folder/'s.wav', x, SR, kind); s = Sound(folder/'s.wav', folder)
    text, labels, cues = what_is_said(folder/'s.wav', text, None)
    vis, _ = visemes_at(s, speech_steps(s.seconds), text, labels, cues, PreprocessConfig(), 'en-us', None, 4)
    t = np.arange(0, s.seconds, .04); speech = hear(s, vis)
    return vis, load_lips().predict(speech, t)[:,APERTURE]*(1-shut_at(speech, t))

def compared(clips) -> dict: # {condition: figures}
    "Means over the clips"
    rows = {}
    with tempfile.TemporaryDirectory() as d:
        for clip in clips:
            x, said = read_audio(clip), what_is_said(clip, None, None)[0]
            for how, text in dict(text=said, sound='').items():
                vis, lips = heard(x, 'PCM_16', text, Path(d))
                for name, (y, kind) in conditions(x).items():
                    v, l = heard(y, kind, text, Path(d)); n = min(len(v), len(vis)); m = min(len(l), len(lips))
                    r = rows.setdefault(name, {}); add = lambda k, value: r.setdefault(f'{k}, {how}', []).append(float(value))
                    add('opening', l.std()/lips.std()); add('r', np.corrcoef(l[:m], lips[:m])[0,1]); add('visemes', (v[:n] == vis[:n]).mean())
    return {k: {f: round(float(np.mean(v)), 3) for f,v in r.items()} for k,r in rows.items()}

if __name__ == '__main__':
    clips = [Path(p) for p in sys.argv[1:]]
    if not clips: sys.exit(__doc__)
    out = ROOT/'benchmarks'/'results'/'sound.json'; rows = compared(clips)
    save_json(out, dict(clips=[f'{p.parent.name}/{p.stem}' for p in clips], conditions=rows, provenance=provenance()))
    for k, r in rows.items(): print(f'{k:34}', r)
    print(out)
