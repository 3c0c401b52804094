using System;
using System.Linq;
using Tbrm.Engine.Logprob;
using Tbrm.Interop;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Models;

/// <summary>
/// The value head of a policy that is its own critic (<see cref="PolicyOptions.ValueHead"/>): one forward and one walk
/// back over the body serve both heads. It is the policy's; its weights are in a file of their own, as the model's
/// folder is a language model's.
/// </summary>
public sealed class SharedValueHead
{
    internal const string TensorName = "score.weight";

    private readonly Policy _policy;

    /// <summary>Of a policy.</summary>
    /// <exception cref="ArgumentException">It has no value head.</exception>
    public SharedValueHead(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        _policy = policy.Options.ValueHead ? policy
            : throw new ArgumentException("the policy was made without a value head", nameof(policy));
    }

    /// <summary>Draws the head from N(0, std^2), keyed by the seed; 0 makes every value 0.</summary>
    public void Init(ulong seed, float std) =>
        NativeFailures.Translated("initialising the value head", () => _policy.Model.InitValueHead(seed, std));

    /// <summary>The value of the state before every row's token, reward units, [R].</summary>
    public float[] Values(PackedBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        float[] values = new float[batch.RowCount];
        NativeFailures.Translated("values",
            () => ValueHead.Forward(_policy.Model, batch.Native(temperature: 1), keep: false, values));
        return values;
    }

    /// <summary>The same of the batch that the policy's logprob stage kept, without another forward.</summary>
    /// <param name="rows">Its rows.</param>
    public float[] OfKept(int rows)
    {
        float[] values = new float[rows];
        NativeFailures.Translated("values", () => ValueHead.OfKept(_policy.Model, values));
        return values;
    }

    /// <summary>dL/dvalue, [R], of the batch that was kept; the policy's next backward takes it along.</summary>
    public void AddGradient(ReadOnlySpan<float> dValues)
    {
        try
        {
            ValueHead.AddGradient(_policy.Model, dValues);
        }
        catch (TbrmNativeException e)
        {
            throw e.ToUser("gradient of the values");
        }
    }

    /// <summary>Writes the head into a safetensors file.</summary>
    public void Save(string path)
    {
        int index = _policy.Tensors().Select(t => t.Name).ToList().IndexOf(TensorName);
        NativeFailures.Translated($"saving {path}", () => WeightFiles.Save(_policy.Model, path, index, 1));
    }

    /// <summary>Reads it back.</summary>
    /// <exception cref="Core.Errors.DataException">The file holds no such head.</exception>
    public void Load(string path)
    {
        long found = NativeFailures.Translated($"loading {path}", () => WeightFiles.Load(_policy.Model, path));
        if (found != 1)
        {
            throw new Core.Errors.DataException($"{path}: expected the tensor {TensorName} alone, found {found} of the "
                + "model's tensors");
        }
    }
}
