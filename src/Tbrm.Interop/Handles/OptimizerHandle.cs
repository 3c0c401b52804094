using System;

namespace Tbrm.Interop.Handles;

/// <summary>tbrm_optimizer_t: AdamW over a trainable model.</summary>
public sealed unsafe class OptimizerHandle : NativeHandle
{
    /// <summary>Allocates the moments.</summary>
    public static OptimizerHandle Create(ModelHandle model, NativeOptimizerConfig config)
    {
        config.StructSize = sizeof(NativeOptimizerConfig);
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_optimizer_create(model, &config, out OptimizerHandle optimizer, out NativeError err),
                err);
        return optimizer;
    }

    /// <summary>One update from the accumulated gradients, which are zero afterwards.</summary>
    public NativeStepResult Step(float learningRate, float maxGradNorm)
    {
        NativeStepResult result;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_optimizer_step(this, learningRate, maxGradNorm, &result, out NativeError err), err);
        return result;
    }

    /// <summary>The same, clipped by a norm that the caller knows: over several models, or over the ranks of a
    /// group.</summary>
    public NativeStepResult Update(float learningRate, double gradNorm, float maxGradNorm)
    {
        NativeStepResult result;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_optimizer_update(this, learningRate, gradNorm, maxGradNorm, &result,
                out NativeError err), err);
        return result;
    }

    /// <summary>Copies a tensor's moment out as row-major fp32.</summary>
    public void Read(string name, Moment moment, Span<float> values)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(name))
        fixed (float* p = values)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_optimizer_moment_read(this, utf8, moment, values.Length, p, out NativeError err),
                    err);
        }
    }

    /// <summary>Overwrites a tensor's moment from row-major fp32.</summary>
    public void Write(string name, Moment moment, ReadOnlySpan<float> values)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(name))
        fixed (float* p = values)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_optimizer_moment_write(this, utf8, moment, values.Length, p, out NativeError err),
                    err);
        }
    }

    /// <summary>Writes master weights, moments and step count to a safetensors file.</summary>
    public void Save(string path)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_save_optimizer(this, utf8, out NativeError err),
                err);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Load(string path)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_load_optimizer(this, utf8, out NativeError err),
                err);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_optimizer_destroy(handle);
        return true;
    }
}
