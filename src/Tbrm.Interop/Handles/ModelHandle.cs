using System;
using System.Text;

namespace Tbrm.Interop.Handles;

/// <summary>tbrm_model_t: the parameters of one policy, and what a kept forward needs for its backward.</summary>
public sealed unsafe class ModelHandle : NativeHandle
{
    /// <summary>Allocates a model.</summary>
    /// <param name="context">Where it lives.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="architecture">What sets it apart from a plain decoder: "name=value", separated by spaces.</param>
    /// <param name="ropeInvFreq">head_dim / 2 rotations per position, in radians, and as many of the sliding layers
    /// where they have their own.</param>
    public static ModelHandle Create(ContextHandle context, NativeModelConfig config, string architecture,
        ReadOnlySpan<float> ropeInvFreq)
    {
        config.StructSize = sizeof(NativeModelConfig);
        fixed (byte* description = Encoding.UTF8.GetBytes(architecture + '\0'))
        fixed (float* frequencies = ropeInvFreq)
        {
            config.Architecture = description;
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_model_create(
                    context, &config, ropeInvFreq.Length, frequencies, out ModelHandle model, out NativeError err),
                        err);
            return model;
        }
    }

    /// <summary>Draws the weights from N(0, std^2), keyed by seed and tensor name.</summary>
    public void InitRandom(ulong seed, float std) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_init_random(this, seed, std, out NativeError err), err);

    /// <summary>A frozen copy of the present weights: the reference policy.</summary>
    public ModelHandle CloneFrozen()
    {
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_clone_frozen(
            this, out ModelHandle model, out NativeError err), err);
        return model;
    }

    /// <summary>Takes over the present weights of <paramref name="source"/>.</summary>
    public void CopyWeightsFrom(ModelHandle source) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_copy_weights(this, source, out NativeError err), err);

    /// <summary>Takes over embedding, layers and final norm of <paramref name="source"/>, and leaves the head
    /// alone.</summary>
    public void CopyBodyFrom(ModelHandle source) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_copy_body(this, source, out NativeError err), err);

    /// <summary>Draws a value head from N(0, std^2); 0 makes it zero.</summary>
    public void InitValueHead(ulong seed, float std) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_init_value_head(this, seed, std, out NativeError err), err);

    /// <summary>Frees the buffers of forward and backward.</summary>
    public void ReleaseActivations() =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_release_activations(this, out NativeError err), err);

    /// <summary>Puts a low-rank adapter on the model, which freezes everything else.</summary>
    /// <param name="config">One rank and scale for its targets, or what is common to the modules.</param>
    /// <param name="ranks">[7 layers] of each projection of each layer, 0 where it has no adapter; empty: as
    /// <paramref name="config"/> says.</param>
    /// <param name="scales">[7 layers] likewise.</param>
    public void AttachAdapter(NativeAdapterConfig config, ReadOnlySpan<int> ranks = default,
        ReadOnlySpan<float> scales = default)
    {
        config.StructSize = sizeof(NativeAdapterConfig);
        config.NModules = ranks.Length;
        fixed (int* rank = ranks)
        fixed (float* scale = scales)
        {
            config.Ranks = rank;
            config.Scales = scale;
            NativeError.ThrowIfFailed(NativeMethods.tbrm_model_attach_adapter(this, &config, out NativeError err), err);
        }
    }

    /// <summary>Whether forward computes with the adapter or the base alone.</summary>
    public void EnableAdapter(bool on) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_enable_adapter(this, on ? 1 : 0, out NativeError err), err);

    /// <summary>Adds the adapter to the weights; the model has none afterwards.</summary>
    public void MergeAdapter() =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_merge_adapter(this, out NativeError err), err);

    /// <summary>How many tensors the model has under Hugging Face names.</summary>
    public int TensorCount => NativeMethods.tbrm_model_tensor_count(this);

    /// <summary>Name and shape of one tensor; a vector has 0 columns.</summary>
    public (string Name, long Rows, long Columns) Tensor(int index)
    {
        byte* name;
        long rows, columns;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_model_tensor_info(this, index, &name, &rows, &columns, out NativeError err), err);
        return (LibraryLoader.Utf8(name), rows, columns);
    }

    /// <summary>Copies a tensor out as row-major fp32.</summary>
    public void Read(string name, TensorKind kind, Span<float> values)
    {
        fixed (byte* utf8 = Utf8Z(name))
        fixed (float* p = values)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_model_tensor_read(this, utf8, kind, values.Length, p, out NativeError err), err);
        }
    }

    /// <summary>Overwrites a tensor from row-major fp32.</summary>
    public void Write(string name, TensorKind kind, ReadOnlySpan<float> values)
    {
        fixed (byte* utf8 = Utf8Z(name))
        fixed (float* p = values)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_model_tensor_write(this, utf8, kind, values.Length, p, out NativeError err), err);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_model_destroy(handle);
        return true;
    }

    internal static byte[] Utf8Z(string text) => Encoding.UTF8.GetBytes(text + '\0');
}
