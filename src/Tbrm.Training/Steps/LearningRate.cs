using System;
using Tbrm.Core.Config;

namespace Tbrm.Training.Steps;

/// <summary>The learning rate of a step: linear warm-up, then constant, linear or cosine down to min_lr_ratio. A pure
/// function of the step.</summary>
public sealed class LearningRate
{
    private readonly OptimConfig _config;
    private readonly long _total;
    private readonly long _warmup;

    /// <summary>For <paramref name="totalSteps"/> steps.</summary>
    public LearningRate(OptimConfig config, long totalSteps)
    {
        _config = config;
        _total = totalSteps;
        _warmup = config.LrWarmupSteps >= 0 ? config.LrWarmupSteps
            : (long)Math.Round(config.LrWarmupStepsRatio * totalSteps);
    }

    /// <summary>For the step that is about to be made, counted from 1.</summary>
    public double At(long step)
    {
        if (step <= _warmup)
        {
            return _config.Lr * step / _warmup;
        }

        double progress = _total > _warmup ? Math.Min(1, (double)(step - 1 - _warmup) / Math.Max(1, _total - _warmup))
            : 0;
        double floor = _config.MinLrRatio;
        return _config.Lr * _config.LrSchedulerType switch
        {
            "cosine" => floor + (1 - floor) * 0.5 * (1 + Math.Cos(Math.PI * progress)),
            "linear" => floor + (1 - floor) * (1 - progress),
            _ => 1,
        };
    }
}
