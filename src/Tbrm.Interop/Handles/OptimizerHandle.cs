namespace Tbrm.Interop;

/// <summary>tbrm_optimizer_t: AdamW over a trainable model.</summary>
public sealed unsafe class OptimizerHandle : NativeHandle
{
    /// <summary>Allocates the moments.</summary>
    public static OptimizerHandle Create(ModelHandle model, NativeOptimizerConfig config)
    {
        config.StructSize = sizeof(NativeOptimizerConfig);
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_optimizer_create(model, &config, out OptimizerHandle optimizer, out NativeError err), err);
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

    /// <summary>Writes master weights, moments and step count to a safetensors file.</summary>
    public void Save(string path)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_save_optimizer(this, utf8, out NativeError err), err);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Load(string path)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_load_optimizer(this, utf8, out NativeError err), err);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_optimizer_destroy(handle);
        return true;
    }
}
