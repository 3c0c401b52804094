using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Models;

/// <summary>A language model on a device: one copy of the weights, read by rollout and training alike.</summary>
public sealed class Policy : EngineModel
{
    private Policy(EngineDevice device, ModelHandle model, ModelArchitecture architecture, PolicyOptions options)
        : base(device, model, architecture, options)
    {
    }

    /// <summary>Allocates a model with random weights.</summary>
    public static Policy CreateRandom(EngineDevice device, ModelArchitecture architecture, PolicyOptions options,
        ulong seed, float std) =>
        Filled(Allocate(device, architecture, options), policy => policy.Model.InitRandom(seed, std));

    /// <summary>A frozen copy of the present weights.</summary>
    public Policy CloneFrozen() => NativeFailures.Translated("copying the reference policy", () =>
        new Policy(Device, Model.CloneFrozen(), Architecture,
            Options with { Trainable = false })
        { Adapter = Adapter });

    /// <summary>A policy whose weights are yet to be copied.</summary>
    public static Policy Empty(EngineDevice device, ModelArchitecture architecture, PolicyOptions options) =>
        Allocate(device, architecture, options);

    /// <summary>A policy with the same weights, trained as this one is, on another device of the same kind.</summary>
    public Policy Replica(EngineDevice device) => Filled(Allocate(device, Architecture, Options), replica =>
    {
        if (Adapter is not null)
        {
            replica.AttachAdapter(Adapter, trainable: true, seed: 0);
        }

        replica.CopyWeightsFrom(this);
    });

    /// <summary>Takes over another policy's weights.</summary>
    public void CopyWeightsFrom(Policy source) => Model.CopyWeightsFrom(source.Model);

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

    internal static Policy Allocate(EngineDevice device, ModelArchitecture architecture, PolicyOptions options) =>
        new(device, Create(device, architecture, options), architecture, options);
}
