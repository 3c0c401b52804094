using System;
using Tbrm.Engine.Logprob;
using Tbrm.Interop;
using Tbrm.Interop.Handles;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Models;

/// <summary>
/// A value model: a decoder whose head gives one number per state, the expected return of what follows. Hugging Face
/// knows it as
/// ...ForTokenClassification (or ...ForSequenceClassification) with one label; verl's critics are such models.
/// </summary>
public sealed class Critic : EngineModel
{
    private Critic(EngineDevice device, ModelHandle model, ModelArchitecture architecture, PolicyOptions options)
        : base(device, model, architecture, options)
    {
    }

    /// <summary>A critic with the present weights of a policy below its head.</summary>
    /// <param name="policy">Where the weights come from; its adapter, if it has one, is left aside.</param>
    /// <param name="options">How the critic is held; the type of its weights is the policy's.</param>
    /// <param name="seed">Keys the start of the head.</param>
    /// <param name="std">Spread of the head's weight at the start; 0 makes every value 0.</param>
    public static Critic FromPolicy(Policy policy, PolicyOptions options, ulong seed, float std)
    {
        if (options.Bf16 != policy.Options.Bf16 || options.MaxPositions != policy.Options.MaxPositions)
        {
            throw new ArgumentException("a critic made of a policy has the policy's dtype and max_positions",
                nameof(options));
        }

        return Filled(Allocate(policy.Device, policy.Architecture.AsCritic(), options), critic =>
            NativeFailures.Translated("copying the policy's weights", () =>
            {
                critic.Model.CopyBodyFrom(policy.Model);
                critic.Model.InitValueHead(seed, std);
            }));
    }

    /// <summary>Allocates a critic with random weights.</summary>
    public static Critic CreateRandom(EngineDevice device, ModelArchitecture architecture, PolicyOptions options,
        ulong seed, float std) =>
        Filled(Allocate(device, architecture.AsCritic(), options), critic => critic.Model.InitRandom(seed, std));

    /// <summary>Draws the head from N(0, std^2), keyed by the seed; 0 makes every value 0.</summary>
    public void InitHead(ulong seed, float std) =>
        NativeFailures.Translated("initialising the value head", () => Model.InitValueHead(seed, std));

    /// <summary>
    /// The value stage: one number per row of the batch. Row h of a response is the value of the state before its token
    /// h, as
    /// <see cref="PackedBatch"/> lays rows out; with <paramref name="keep"/>, <see cref="Backward"/> may follow.
    /// </summary>
    public float[] Values(PackedBatch batch, bool keep = false)
    {
        float[] values = new float[batch.RowCount];
        NativeFailures.Translated("values", () => ValueHead.Forward(Model, batch.Native(temperature: 1), keep, values));
        return values;
    }

    /// <summary>Adds to the gradients what follows from dL/dvalue of the batch that was kept.</summary>
    public void Backward(ReadOnlySpan<float> dValues)
    {
        try
        {
            ValueHead.Backward(Model, dValues);
        }
        catch (TbrmNativeException e)
        {
            throw e.ToUser("gradient of the values");
        }
    }

    internal static Critic Allocate(EngineDevice device, ModelArchitecture architecture, PolicyOptions options) =>
        new(device, Create(device, architecture, options), architecture, options);
}
