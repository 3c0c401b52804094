using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>How a policy is held in memory.</summary>
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
}

/// <summary>
/// A language model on a device: one copy of the weights, read by rollout and training alike. With an adapter the weights are frozen, and the
/// adapter is what is trained.
/// </summary>
public sealed class Policy : IDisposable
{
    private Policy(EngineDevice device, ModelHandle model, ModelArchitecture architecture, PolicyOptions options)
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

    /// <summary>The adapter; null when the policy has none.</summary>
    public AdapterOptions? Adapter { get; private set; }

    internal ModelHandle Model { get; }

    /// <summary>Allocates a model with random weights.</summary>
    public static Policy CreateRandom(EngineDevice device, ModelArchitecture architecture, PolicyOptions options, ulong seed, float std)
    {
        Policy policy = Allocate(device, architecture, options);
        try
        {
            policy.Model.InitRandom(seed, std);
            return policy;
        }
        catch
        {
            policy.Dispose();
            throw;
        }
    }

    /// <summary>A frozen copy of the present weights.</summary>
    public Policy CloneFrozen() => NativeFailures.Translated("copying the reference policy", () =>
        new Policy(Device, Model.CloneFrozen(), Architecture, Options with { Trainable = false }) { Adapter = Adapter });

    /// <summary>Takes over another policy's weights.</summary>
    public void CopyWeightsFrom(Policy source) => Model.CopyWeightsFrom(source.Model);

    /// <summary>Puts a new adapter on the policy, which changes none of its outputs, and freezes everything else.</summary>
    /// <param name="adapter">Rank, scale and targets.</param>
    /// <param name="trainable">Keeps masters and gradients of the adapter.</param>
    /// <param name="seed">Keys the random start of A.</param>
    public void AttachAdapter(AdapterOptions adapter, bool trainable, ulong seed)
    {
        NativeFailures.Translated("attaching the adapter", () => Model.AttachAdapter(new()
        {
            Rank = adapter.Rank,
            Targets = (int)adapter.Targets,
            Trainable = trainable ? 1 : 0,
            Scale = (float)adapter.Scale,
            Seed = seed,
        }));
        Adapter = adapter;
    }

    /// <summary>Adds the adapter to the weights; the policy has none afterwards.</summary>
    public void MergeAdapter()
    {
        NativeFailures.Translated("merging the adapter", Model.MergeAdapter);
        Adapter = null;
    }

    /// <summary>Runs something with the base alone. Nothing of a rollout may be queued.</summary>
    public T WithAdapterOff<T>(Func<T> body)
    {
        Model.EnableAdapter(false);
        try
        {
            return body();
        }
        finally
        {
            Model.EnableAdapter(true);
        }
    }

    /// <summary>Names and shapes of the tensors of the base, as in the files, and then those of the adapter.</summary>
    public IReadOnlyList<TensorInfo> Tensors()
    {
        TensorInfo[] tensors = new TensorInfo[Model.TensorCount];
        for (int i = 0; i < tensors.Length; i++)
        {
            tensors[i] = Model.Tensor(i);
        }

        return tensors;
    }

    /// <summary>Names and shapes of the tensors of the base, as in the files.</summary>
    public IReadOnlyList<TensorInfo> BaseTensors() => [.. Tensors().Where(t => !t.IsAdapter)];

    /// <summary>One tensor, row-major fp32.</summary>
    public float[] ReadTensor(TensorInfo tensor, TensorKind kind = TensorKind.Weight)
    {
        float[] values = new float[tensor.Elements];
        Model.Read(tensor.Name, kind, values);
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    internal static Policy Allocate(EngineDevice device, ModelArchitecture architecture, PolicyOptions options)
    {
        ModelHandle model = NativeFailures.Translated("allocating the model", () => ModelHandle.Create(
            device.Context,
            architecture.Native(options.Bf16 ? Dtype.Bf16 : Dtype.F32, options.MaxPositions, options.Trainable, options.Recompute, options.HeadBudgetBytes),
            architecture.Rope.InverseFrequencies));
        return new(device, model, architecture, options);
    }
}
