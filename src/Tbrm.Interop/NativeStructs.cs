using System.Runtime.InteropServices;

#pragma warning disable CA1051, CS1591, CA1815 // the struct is its fields, and the header documents them

namespace Tbrm.Interop;

// The structs of tbrm.h, field for field. Their documentation is the header's; AbiTests compares sizes and offsets with
// the library's own.

/// <summary>tbrm_model_config_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct NativeModelConfig
{
    public int StructSize;
    public Dtype Dtype;
    public int VocabSize;
    public int HiddenSize;
    public int IntermediateSize;
    public int NLayers;
    public int NHeads;
    public int NKvHeads;
    public int HeadDim;
    public int MaxPositions;
    public int TieWordEmbeddings;
    public int Trainable;
    public int Recompute;
    public float RmsNormEps;
    public float RopeAttentionFactor;
    public HeadKind HeadKind;
    public long HeadBudgetBytes;
    public byte* Architecture;
    public int ZeroStage;
    public int NRanks;
}

/// <summary>tbrm_adapter_config_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct NativeAdapterConfig
{
    public int StructSize;
    public int Rank;
    public int Targets;
    public int Trainable;
    public float Scale;
    public int NModules;
    public ulong Seed;
    public int* Ranks;
    public float* Scales;
}

/// <summary>tbrm_memory_load_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeMemoryLoad
{
    public int StructSize;
    public DeviceKind DeviceKind;
    public int NThreads;
    public int Entropy;
    public long UpdateSequences;
    public long UpdateTokens;
    public long UpdateRows;
    public long ScoreSequences;
    public long ScoreTokens;
    public long ScoreRows;
    public long KvBudgetBytes;
    public int MaxSeqs;
    public int MaxBatchedTokens;
}

/// <summary>tbrm_memory_bytes_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeMemoryBytes
{
    public int StructSize;
    public int Reserved;
    public long NParameters;
    public long NTrained;
    public long Weights;
    public long Adapter;
    public long Masters;
    public long Gradients;
    public long Moments;
    public long FrozenCopy;
    public long KvPage;
    public long KvPages;
    public long RolloutActivations;
    public long RolloutLogits;
    public long UpdateInputs;
    public long UpdateTape;
    public long UpdateForward;
    public long UpdateBackward;
    public long UpdateRows;
    public long UpdateLayer;
    public long UpdateHead;
    public long UpdateGradients;
    public long Start;
    public long ScoreBatch;
    public long Kernels;
    public long Always;
    public long Update;
    public long Rollout;
}

/// <summary>tbrm_rollout_config_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeRolloutConfig
{
    public int StructSize;
    public int MaxSeqs;
    public int MaxBatchedTokens;
    public int DecodeGraph;
    public long KvBudgetBytes;
}

/// <summary>tbrm_sampling_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeSampling
{
    public int StructSize;
    public int MaxNewTokens;
    public int MinNewTokens;
    public int TopK;
    public float TopP;
    public float MinP;
    public float Temperature;
    public float RepetitionPenalty;
    public ulong Seed;
    public int SampledVocabSize;
    public int NStopIds;
    public int* StopIds;
    public int NStopStrings;
    public int Reserved;
    public long* StopStringOffsets;
    public byte* StopStringBytes;
}

/// <summary>tbrm_finished_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeFinished
{
    public long TrajectoryId;
    public int NTokens;
    public FinishReason Reason;
}

/// <summary>tbrm_rollout_status_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeRolloutStatus
{
    public int NWaiting;
    public int NRunning;
    public int NFinished;
    public int Reserved;
    public long NPages;
    public long NPagesFree;
    public long NPreemptions;
    public long NPrefillTokens;
    public long NDecodeTokens;
}

/// <summary>tbrm_batch_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeBatch
{
    public int StructSize;
    public float Temperature;
    public long NSeqs;
    public long NTokens;
    public long NRows;
    public int* Ids;
    public long* Offsets;
    public long* Rows;
    public int* Labels;
}

/// <summary>tbrm_residual_args_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeResidualArgs
{
    public int StructSize;
    public ResidualKind Kind;
    public double Beta;
    public double LossScale;
    public int DetachValue;
    public int Reserved;
    public long NSeqs;
    public long NRows;
    public long* RowOffsets;
    public float* RefLogp;
    public float* RefV1;
    public double* Reward;
    public double* Weight;
    public int* Bootstrap;
    public float* VFrozen;
    public float* RefVEnd;
}

/// <summary>tbrm_group_config_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct NativeGroupConfig
{
    public int StructSize;
    public int Rank;
    public int NRanks;
    public int Port;
    public byte* Address;
    public byte* Host;
    public byte* EqualLines;
    public double StartS;
    public double LostS;
}

/// <summary>tbrm_group_state_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct NativeGroupState
{
    public int StructSize;
    public int Signals;
    public int HasLeft;
    public int ExitCode;
    public double PhaseS;
    public double SilentS;
    public fixed byte Host[128];
    public fixed byte Phase[64];
}

/// <summary>tbrm_optimizer_config_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeOptimizerConfig
{
    public int StructSize;
    public float Beta1;
    public float Beta2;
    public float Eps;
    public float WeightDecay;
}

/// <summary>tbrm_step_result_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct NativeStepResult
{
    public double GradNorm;
    public long Step;
    public int Applied;
    public int Reserved;
}

/// <summary>tbrm_head_args_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeHeadArgs
{
    public int StructSize;
    public Dtype Dtype;
    public long NRows;
    public long VocabSize;
    public long HiddenSize;
    public long BudgetBytes;
    public float Temperature;
    public int Reserved;
    public void* X;
    public void* W;
    public int* Labels;
}
