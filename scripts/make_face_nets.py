"""Make the face networks that lipsync ships from those in MediaPipe's wheel: custom operations cut out or put in TFLite's own words.

    pip download mediapipe==0.10.21 --no-deps; unzip mediapipe-*.whl 'mediapipe/modules/*' -d wheel
    python scripts/make_face_nets.py wheel/mediapipe/modules lipsync/weights

The weights stay bit for bit as they are. `face_landmark_with_attention` asks for three operations that only MediaPipe has; they lie between its
first half (`face_mesh`) and its second (`face_refine`), and `lipsync.face.nets` does them in NumPy. The last layer of `selfie_segmentation`
becomes TFLite's own transposed convolution. The two detectors are copied.
"""
import argparse, hashlib
from pathlib import Path
import flatbuffers, numpy as np
from ai_edge_litert import schema_py_generated as tfl

CUT = ((0,), (35, 186, 710)), ((199, 200, 201), (697, 700, 704, 703, 707)) # Tensors in and out: features, mesh, face flag; crops of lips and eyes, points of lips, eyes, irises

def part(model, inputs, outputs):
    "Only the operations that lead from some tensors to others; tensors are numbered anew"
    g, need, ops = model.subgraphs[0], set(outputs), []
    for o in reversed(g.operators):
        if not need.intersection(o.outputs) or set(o.outputs) <= set(inputs): continue
        ops.insert(0, o); need |= {int(i) for i in o.inputs if i >= 0 and i not in inputs}
    used = sorted(need | set(inputs)); at = {t: i for i, t in enumerate(used)}
    for o in ops: o.inputs, o.outputs = [at.get(int(i), -1) for i in o.inputs], [at[int(i)] for i in o.outputs]
    g.operators, g.tensors = ops, [g.tensors[t] for t in used]
    g.inputs, g.outputs = [at[i] for i in inputs], [at[i] for i in outputs]
    return model

def own_transpose(model):
    "MediaPipe's `Convolution2DTransposeBias` as TFLite's `TRANSPOSE_CONV`"
    g = model.subgraphs[0]
    o = next(o for o in g.operators if model.operatorCodes[o.opcodeIndex].customCode == b'Convolution2DTransposeBias')
    size, shape = tfl.BufferT(), tfl.TensorT()
    size.data = np.frombuffer(np.array(g.tensors[o.outputs[0]].shape, '<i4').tobytes(), np.uint8); model.buffers.append(size)
    shape.shape, shape.type, shape.buffer, shape.name = [4], tfl.TensorType.INT32, len(model.buffers)-1, b'size'; g.tensors.append(shape)
    code = tfl.OperatorCodeT(); code.builtinCode = code.deprecatedBuiltinCode = tfl.BuiltinOperator.TRANSPOSE_CONV; code.version = 3
    model.operatorCodes.append(code)
    opt = tfl.TransposeConvOptionsT(); opt.padding, opt.strideW, opt.strideH = tfl.Padding.SAME, 2, 2
    data, kernel, bias = o.inputs
    o.inputs, o.opcodeIndex, o.customOptions = [len(g.tensors)-1, kernel, data, bias], len(model.operatorCodes)-1, None
    o.builtinOptionsType, o.builtinOptions = tfl.BuiltinOptions.TransposeConvOptions, opt
    return model

def tidy(model, about):
    "Without the buffers, codes and notes that no operation uses"
    g = model.subgraphs[0]
    codes = sorted({o.opcodeIndex for o in g.operators}); model.operatorCodes, at = [model.operatorCodes[c] for c in codes], {c: i for i, c in enumerate(codes)}
    for o in g.operators: o.opcodeIndex = at[o.opcodeIndex]
    used = sorted({0} | {t.buffer for t in g.tensors}); model.buffers, at = [model.buffers[b] for b in used], {b: i for i, b in enumerate(used)}
    for t in g.tensors: t.buffer = at[t.buffer]
    model.metadata, model.metadataBuffer, model.signatureDefs, model.description = [], [], [], about
    return model

def save(model, path):
    b = flatbuffers.Builder(1 << 22); b.Finish(model.Pack(b), b'TFL3'); path.write_bytes(bytes(b.Output()))

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('modules', type=Path, help="the wheel's folder mediapipe/modules"); ap.add_argument('out', type=Path)
    a = ap.parse_args()
    read = lambda name: tfl.ModelT.InitFromPackedBuf((a.modules/name).read_bytes(), 0)
    for name, cut in zip(('face_mesh','face_refine'), CUT):
        save(tidy(part(read('face_landmark/face_landmark_with_attention.tflite'), *cut), f'{name}: part of MediaPipe face_landmark_with_attention'), a.out/f'{name}.tflite')
    save(tidy(own_transpose(read('selfie_segmentation/selfie_segmentation.tflite')), 'person: MediaPipe selfie_segmentation'), a.out/'person.tflite')
    for ours, theirs in (('face_near','face_detection_short_range'), ('face_far','face_detection_full_range_sparse')):
        (a.out/f'{ours}.tflite').write_bytes((a.modules/f'face_detection/{theirs}.tflite').read_bytes())
    for f in sorted(a.out.glob('*.tflite')): print(f"| `{f.name}` | {f.stat().st_size:,} | `{hashlib.sha256(f.read_bytes()).hexdigest()}` |")

if __name__ == '__main__': main()
