#pragma warning disable CS1591 // documented in tbrm.h

namespace Tbrm.Interop;

/// <summary>tbrm_status_t.</summary>
public enum TbrmStatus
{
    Ok = 0,
    InvalidArgument = 1,
    OutOfMemory = 2,
    Cuda = 3,
    Torch = 4,
    Unsupported = 5,
    Internal = 6,
    BadFile = 7,
    Io = 8,
    Group = 9,
}

/// <summary>tbrm_device_kind_t.</summary>
public enum DeviceKind
{
    Cpu = 0,
    Cuda = 1,
    TorchCpu = 2,
    TorchCuda = 3,
}

/// <summary>tbrm_memory_owner_t: whose memory it is.</summary>
public enum MemoryOwner
{
    Library = 0,
    Policy = 1,
    Copy = 2,
    Critic = 3,
}

/// <summary>tbrm_memory_use_t: what memory is for.</summary>
public enum MemoryUse
{
    Other = 0,
    Weights = 1,
    Adapter = 2,
    Masters = 3,
    Gradients = 4,
    Moments = 5,
    KvPages = 6,
    Activations = 7,
    Head = 8,
    Scratch = 9,
}

/// <summary>tbrm_dtype_t.</summary>
public enum Dtype
{
    F32 = 0,
    Bf16 = 1,
}

/// <summary>tbrm_head_kind_t: what stands on the decoder's last hidden state.</summary>
public enum HeadKind
{
    Lm = 0,
    Value = 1,
    ValueBias = 2,
    LmValue = 3,
}

/// <summary>tbrm_tensor_kind_t.</summary>
public enum TensorKind
{
    Weight = 0,
    Master = 1,
    Gradient = 2,
}

/// <summary>tbrm_finish_reason_t.</summary>
public enum FinishReason
{
    StopId = 0,
    StopString = 1,
    Length = 2,
    Cancelled = 3,
    NonFinite = 4,
}

/// <summary>tbrm_moment_t: what an optimizer keeps for each parameter.</summary>
public enum Moment
{
    First = 0,
    Second = 1,
}

/// <summary>tbrm_residual_kind_t.</summary>
public enum ResidualKind
{
    Tbrm = 0,
    Reval = 1,
}
