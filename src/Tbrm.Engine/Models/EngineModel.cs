using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Interop;
using Tbrm.Interop.Handles;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Models;

/// <summary>How a model is held in memory.</summary>
public sealed record PolicyOptions
{
    /// <summary>bf16 weights and activations (fp32 master weights when trained); fp32 otherwise.</summary>
    public required bool Bf16 { get; init; }

    /// <summary>Longest sequence that will be run.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Keeps gradients and master weights.</summary>
    public required bool Trainable { get; init; }

    /// <summary>Recomputes layers in the backward pass.</summary>
    public bool Recompute { get; init; }

    /// <summary>Bytes that logits may take.</summary>
    public long HeadBudgetBytes { get; init; }

    /// <summary>A value head on the body of a language model: a policy that is its own critic.</summary>
    public bool ValueHead { get; init; }

    /// <summary>Ranks that train the model together.</summary>
    public int Ranks { get; init; } = 1;

    /// <summary>What each of them holds a share of alone (ZeRO, arXiv 1910.02054): 1: moments and fp32 masters; 2:
    /// gradients too; 0: nothing.</summary>
    public int ZeroStage { get; init; }

    /// <summary>Whether ranks hold shares.</summary>
    public bool IsShared => Ranks > 1 && ZeroStage > 0;

    /// <summary>Whether gradients are among them: then every backward is made by all ranks.</summary>
    public bool SharesGradients => Ranks > 1 && ZeroStage > 1;
}

/// <summary>
/// A decoder with a head on a device: what <see cref="Policy"/> and <see cref="Critic"/> have in common. With an
/// adapter its weights are
/// frozen, and the adapter is what is trained (and, of a critic, the head).
/// </summary>
public abstract class EngineModel : IDisposable
{
    private protected EngineModel(EngineDevice device, ModelHandle model, ModelArchitecture architecture,
        PolicyOptions options)
    {
        Device = device;
        Model = model;
        Architecture = architecture;
        Options = options;
    }

    /// <summary>Where it lives.</summary>
    public EngineDevice Device { get; }

    /// <summary>What it is.</summary>
    public ModelArchitecture Architecture { get; }

    /// <summary>How it is held.</summary>
    public PolicyOptions Options { get; }

    /// <summary>The adapter; null when the model has none.</summary>
    public AdapterOptions? Adapter { get; private protected set; }

    /// <summary>The memory that the model takes with what is done with it.</summary>
    public ModelMemory Memory => new(Architecture, Options, Adapter, Device.IsCuda, Device.Threads)
    {
        IsTorch = Device.IsTorch,
    };

    internal ModelHandle Model { get; }

    /// <summary>Puts a new adapter on the model, which changes none of its outputs, and freezes everything
    /// else.</summary>
    /// <param name="adapter">Rank, scale and targets.</param>
    /// <param name="trainable">Keeps masters and gradients of the adapter.</param>
    /// <param name="seed">Keys the random start of A.</param>
    public void AttachAdapter(AdapterOptions adapter, bool trainable, ulong seed)
    {
        (int[] ranks, float[] scales) = adapter.NativeModules(Architecture.Layers);
        NativeFailures.Translated("attaching the adapter",
            () => Model.AttachAdapter(adapter.Native(trainable, seed), ranks, scales));
        Adapter = adapter;
    }

    /// <summary>Adds the adapter to the weights; the model has none afterwards.</summary>
    public void MergeAdapter()
    {
        NativeFailures.Translated("merging the adapter", Model.MergeAdapter);
        Adapter = null;
    }

    /// <summary>Frees the buffers of forward and backward, after the last update of a step: the next rollout's pages
    /// need the memory.</summary>
    public void ReleaseActivations() =>
        NativeFailures.Translated("releasing the activations", Model.ReleaseActivations);

    /// <summary>Names and shapes of the tensors of the base, as in the files, and then those of the adapter.</summary>
    public IReadOnlyList<TensorInfo> Tensors()
    {
        TensorInfo[] tensors = new TensorInfo[Model.TensorCount];
        for (int i = 0; i < tensors.Length; i++)
        {
            (string name, long rows, long columns) = Model.Tensor(i);
            tensors[i] = new(name, rows, columns);
        }

        return tensors;
    }

    /// <summary>Names and shapes of the tensors of the base, as in the files: of a language model without the value
    /// head that it may have besides.</summary>
    public IReadOnlyList<TensorInfo> BaseTensors() => [.. Tensors().Where(t => !t.IsAdapter
        && !(Options.ValueHead && Architecture.Head == HeadKind.Lm && t.Name == SharedValueHead.TensorName))];

    /// <summary>One tensor, row-major fp32.</summary>
    public float[] ReadTensor(TensorInfo tensor) => ReadTensor(tensor, TensorKind.Weight);

    /// <summary>The accumulated gradient of a trained tensor, row-major fp32.</summary>
    public float[] ReadGradient(TensorInfo tensor) => NativeFailures.Translated(
        "gradient", () => ReadTensor(tensor, TensorKind.Gradient));

    /// <summary>Sets a tensor from row-major fp32, rounded to the model's type.</summary>
    public void WriteTensor(TensorInfo tensor, ReadOnlyMemory<float> values) => NativeFailures.Translated(
        "writing " + tensor.Name, () => Model.Write(tensor.Name, TensorKind.Weight, values.Span));

    internal float[] ReadTensor(TensorInfo tensor, TensorKind kind)
    {
        float[] values = new float[tensor.Elements];
        Model.Read(tensor.Name, kind, values);
        return values;
    }

    /// <summary>The 2-norm over all accumulated gradients; infinite or not a number when one of them is.</summary>
    public double GradientNorm() => NativeFailures.Translated("gradient", () => Gradient.Norm(Model));

    /// <summary>The part in a backward of a rank that has no rows, where the ranks share the gradients.</summary>
    public void ShareGradient() => NativeFailures.Translated("gradient", () => Gradient.Share(Model));

    /// <summary>Sets the accumulated gradients to zero.</summary>
    public void ZeroGradient() => Gradient.Zero(Model);

    /// <summary>Drops a batch that was kept, without its backward: after an interruption.</summary>
    public void DiscardKept() => NativeFailures.Translated("gradient", () => Gradient.Discard(Model));

    /// <inheritdoc/>
    public void Dispose()
    {
        Model.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static ModelHandle Create(EngineDevice device, ModelArchitecture architecture,
        PolicyOptions options) =>
        NativeFailures.Translated("allocating the model", () => ModelHandle.Create(
            device.Context,
            architecture.Native(options, options.Trainable),
            architecture.Description,
            architecture.Rope.Tables));

    /// <summary>Hands a new model over to <paramref name="fill"/>, and disposes it when that fails.</summary>
    private protected static T Filled<T>(T model, Action<T> fill)
        where T : EngineModel
    {
        try
        {
            fill(model);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
