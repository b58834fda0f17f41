"The models, importable from one place"
from lipsync.models.audio_encoder import AudioEncoder, BandAttention, SparseTransformerAudioEncoder, audio_encoder
from lipsync.models.fusion import CrossModalAttention, VisemeEmbedding, VisemeEncoder
from lipsync.models.viseme_predictor import VisemePredictor
from lipsync.models.generator import FiLMLayer, IdentityEncoder, MouthGenerator
from lipsync.models.smoother import OpticalFlowWarping, TemporalSmoother
from lipsync.models.lipsync import CompleteLipSyncModel, load_model, model_header, param_table, save_model
from lipsync.models.stream import Streamer, export_onnx, stream_mouths
from lipsync.models.fast import optimise
from lipsync.models.discriminator import AdaptiveWGANGPDiscriminator, DiscOut
from lipsync.models.syncnet import SyncDiscriminator, sync_accuracy, sync_curve, sync_loss, sync_windows
from lipsync.models.hub import from_pretrained, save_pretrained

__all__ = ['AudioEncoder', 'BandAttention', 'SparseTransformerAudioEncoder', 'audio_encoder', 'CrossModalAttention', 'VisemeEmbedding',
    'VisemeEncoder', 'VisemePredictor', 'FiLMLayer', 'IdentityEncoder', 'MouthGenerator', 'OpticalFlowWarping', 'TemporalSmoother',
    'CompleteLipSyncModel', 'load_model', 'model_header', 'param_table', 'save_model', 'Streamer', 'export_onnx', 'stream_mouths', 'optimise',
    'AdaptiveWGANGPDiscriminator', 'DiscOut', 'SyncDiscriminator', 'sync_accuracy', 'sync_curve', 'sync_loss', 'sync_windows',
    'from_pretrained', 'save_pretrained']
