using System;
using Tbrm.Core.Config;
using Tbrm.Engine.Models;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Optimizer;

/// <summary>What one optimizer step did.</summary>
/// <param name="GradNorm">Before clipping; may be infinite or not a number.</param>
/// <param name="Applied">False when the norm was not finite: nothing was changed.</param>
/// <param name="Step">Updates applied so far.</param>
public readonly record struct OptimizerResult(double GradNorm, bool Applied, long Step);

/// <summary>The optimizer stage: AdamW over a model's accumulated gradients, with fp32 moments of its own.</summary>
public sealed class AdamW : IDisposable
{
    private readonly OptimizerHandle _handle;

    internal OptimizerHandle Handle => _handle;

    /// <summary>Allocates the moments.</summary>
    public AdamW(EngineModel model, OptimConfig config)
    {
        _handle = NativeFailures.Translated("allocating the optimizer", () => OptimizerHandle.Create(model.Model, new()
        {
            Beta1 = (float)config.Betas[0],
            Beta2 = (float)config.Betas[1],
            Eps = (float)config.Eps,
            WeightDecay = (float)config.WeightDecay,
        }));
    }

    /// <summary>One update, clipped to <paramref name="gradClip"/> (0 = not); the gradients are zero
    /// afterwards.</summary>
    public OptimizerResult Step(double learningRate, double gradClip)
    {
        NativeStepResult result =
            NativeFailures.Translated("optimizer", () => _handle.Step((float)learningRate, (float)gradClip));
        return new(result.GradNorm, result.Applied != 0, result.Step);
    }

    /// <summary>
    /// The same with gradients whose norm counts as <paramref name="gradNorm"/>: over several models, or over the ranks
    /// of a group. Nothing is
    /// changed when it is not finite.
    /// </summary>
    public OptimizerResult Update(double learningRate, double gradNorm, double gradClip)
    {
        NativeStepResult result = NativeFailures.Translated("optimizer", () =>
            _handle.Update((float)learningRate, gradNorm, (float)gradClip));
        return new(result.GradNorm, result.Applied != 0, result.Step);
    }

    /// <summary>Writes master weights, moments and step count. Of a model that ranks share all of them call it, and
    /// rank 0 writes.</summary>
    public void Save(string path) => NativeFailures.Translated($"saving {path}", () => _handle.Save(path));

    /// <summary>Reads what <see cref="Save"/> wrote; of processes that share the model rank 0 does, for all.</summary>
    public void Load(string path) => NativeFailures.Translated($"loading {path}", () => _handle.Load(path));

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
