using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine.Models;

namespace Tbrm.Training.Plans;

/// <summary>What ranks that share a model (trainer.zero_stage) take besides their shares, and what a higher stage would
/// save.</summary>
internal static class SharedMemory
{
    private const int Gradients = 2;

    /// <summary>Whole gradients of what is being added up, and whole masters before anything else is there.</summary>
    public static IEnumerable<MemoryPart> Parts(MemoryBytes bytes, IReadOnlyList<MemoryPart> others)
    {
        if (bytes.UpdateGradients > 0)
        {
            yield return new("gradient_arrays", "gradients of a layer", bytes.UpdateGradients,
                "and of embedding and heads, whole, before the ranks have added them up", MemoryPhase.Update);
        }

        long later = others.Where(p => p.Phase == MemoryPhase.Always && p.Key is not ("weights" or "adapter"))
            .Sum(p => p.Bytes);
        if (bytes.Start > later)
        {
            yield return new("start", "start", bytes.Start - later, "whole masters, before the ranks share them",
                MemoryPhase.Start);
        }
    }

    /// <summary>The note of something that is shared.</summary>
    public static string Note(PolicyOptions options, int stage, string note) =>
        options.Ranks > 1 && options.ZeroStage >= stage ? $"{note}; a share of 1/{options.Ranks}" : note;

    /// <summary>What the ranks share, for people.</summary>
    public static string Sharing(int stage) => stage switch
    {
        0 => "that each hold every model and its training state whole",
        1 => "that share Adam's moments and fp32 masters",
        _ => "that share Adam's moments, fp32 masters and gradients",
    } + $" (trainer.zero_stage={stage})";

    /// <summary>What the second stage would save, where there are ranks that could share.</summary>
    public static IEnumerable<(string Setting, string Part, long Bytes)> Knobs(ModelMemory model, MemoryLoad load)
    {
        if (model.Options.Ranks < 2 || model.Options.ZeroStage >= Gradients)
        {
            yield break;
        }

        MemoryBytes shared = (model with { Options = model.Options with { ZeroStage = Gradients } }).Of(load);
        MemoryBytes now = model.Of(load);
        // The gradients stand for all that is shared.
        long saved = now.Masters - shared.Masters + now.Moments - shared.Moments;
        yield return ($"trainer.zero_stage={Gradients}", "gradients",
            shared.Gradients + shared.UpdateGradients - saved);
    }
}
