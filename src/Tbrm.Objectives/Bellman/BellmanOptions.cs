using System.Globalization;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Bellman;

/// <summary>Options of the Bellman residual objectives.</summary>
public sealed record BellmanOptions
{
    /// <summary>Where a configuration has them.</summary>
    internal const string Section = "algorithm.tbrm.";

    /// <summary>Reward units per nat; the TBRM paper uses 0.002.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta { get; init; } = 0.002;

    /// <summary><c>nats</c>: the paper's loss. <c>reward</c>: beta^2 times it; same minimiser, other interaction with
    /// clipping. Or a number.</summary>
    public string LossScale { get; init; } = "nats";

    /// <summary>V(s_1) carries no gradient (ReVal's Eq. 4 reads so, its Eq. 2 does not; TBRM's V(s_1) is
    /// trained).</summary>
    public bool DetachValue { get; init; }

    /// <summary>BRM: V(s_{h+1}) carries no gradient (single-step soft Q-learning).</summary>
    public bool StopGradNext { get; init; }

    /// <summary>TBRM's iterative form (Appendix F): V(s_1) of the previous iterate stands for V(s_1).</summary>
    public bool Iterative { get; init; }

    /// <summary>What multiplies the loss.</summary>
    public double Scale() => LossScale switch
    {
        "nats" => 1,
        "reward" or "beta^2" => Beta * Beta,
        _ when double.TryParse(LossScale, NumberStyles.Float, CultureInfo.InvariantCulture, out double scale)
            && scale > 0 && double.IsFinite(scale) => scale,
        _ => throw new ConfigException($"loss_scale: expected nats, reward or a number above 0, found '{LossScale}'"),
    };
}
