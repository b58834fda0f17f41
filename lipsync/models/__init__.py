"The models, importable from one place"
from lipsync.models.audio_encoder import AudioEncoder, BandAttention, SparseTransformerAudioEncoder, audio_encoder
from lipsync.models.fusion import CrossModalAttention, VisemeEmbedding, VisemeEncoder
from lipsync.models.generator import FiLMLayer, IdentityEncoder, MouthGenerator
from lipsync.models.smoother import OpticalFlowWarping, TemporalSmoother
from lipsync.models.lipsync import CompleteLipSyncModel, iter_mouths, load_model, model_header, param_table, save_model
from lipsync.models.discriminator import AdaptiveWGANGPDiscriminator, DiscOut
from lipsync.models.syncnet import SyncDiscriminator, sync_accuracy, sync_curve, sync_loss, sync_windows

__all__ = ['AudioEncoder', 'BandAttention', 'SparseTransformerAudioEncoder', 'audio_encoder', 'CrossModalAttention', 'VisemeEmbedding',
    'VisemeEncoder', 'FiLMLayer', 'IdentityEncoder', 'MouthGenerator', 'OpticalFlowWarping', 'TemporalSmoother', 'CompleteLipSyncModel',
    'iter_mouths', 'load_model', 'model_header', 'param_table', 'save_model', 'AdaptiveWGANGPDiscriminator', 'DiscOut', 'SyncDiscriminator',
    'sync_accuracy', 'sync_curve', 'sync_loss', 'sync_windows']
