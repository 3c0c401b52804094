using System;
using System.Collections.Generic;
using Tbrm.Objectives;
using static TorchSharp.torch;

namespace Tbrm.Torch.Tests;

/// <summary>The Bellman residuals and regressions of the log-ratio, written from their papers' formulas.</summary>
internal static class BellmanTwins
{
    /// <summary>A case: the entry of the table, its options, the loss.</summary>
    public static IEnumerable<(string Name, string Options, Twin Twin)> All(Func<string, string, IObjective> engine)
    {
        const Needs residual = Needs.Logits | Needs.ReferenceLogp;
        yield return ("tbrm", """{"beta": 0.1}""", new(residual,
            (q, v, _, x) => Mean(x, x.AtFirst(v) + LogRatio(x, q, v) - x.Reward / 0.1)));
        yield return ("tbrm", """{"beta": 0.1, "detach_value": true, "loss_scale": "reward"}""", new(residual,
            (q, v, _, x) => 0.01 * Mean(x, x.AtFirst(x.ConstantV) + LogRatio(x, q, v) - x.Reward / 0.1)));
        yield return ("tbrm", """{"beta": 0.1, "iterative": true}""", new(residual | Needs.FrozenValue,
            (q, v, _, x) => Mean(x, x.VFrozen + LogRatio(x, q, v) - x.Reward / 0.1)));
        yield return ("reval", """{"beta": 0.1}""", new(residual | Needs.ReferenceValue,
            (q, v, _, x) => Mean(x, x.AtFirst(v) - x.RefV1 + LogRatio(x, q, v) - x.Reward / 0.1)));
        yield return ("brm", """{"beta": 0.1}""", new(residual, (q, v, _, x) => OfEveryToken(x, q, v)));
        yield return ("brm", """{"beta": 0.1, "stop_grad_next": true}""",
            new(residual, (q, _, _, x) => OfEveryToken(x, q, x.ConstantV)));
        yield return ("a_star_po", """{"beta2": 0.3, "entropy_coeff": 0.02}""",
            new(Needs.ReferenceLogp | Needs.VStar | Needs.Entropy, (q, v, h, x) =>
                Mean(x, 0.3 * LogRatio(x, q, v) + x.VStar - x.Reward) - 0.02 * (x.TokenWeights() * h).sum()));
        yield return ("oapl", """{"beta": 0.2}""", new(Needs.OldLogp | Needs.Groups | Needs.VStar,
            (q, v, _, x) => Mean(x, 0.2 * ToOld(x, q, v) - (x.Reward - x.VStar)), engine("oapl", """{"beta": 0.2}""")));
        yield return ("kimi_opmd", """{"tau": 0.3}""", new(Needs.OldLogp | Needs.Groups | Needs.BaselineRewards,
            (q, v, _, x) => (x.Weight * (-(x.Reward - x.BaselineReward) * x.Sum(x.LogPi(q, v))
                + 0.15 * ToOld(x, q, v).pow(2))).sum(), engine("kimi_opmd", """{"tau": 0.3}""")));
        yield return ("tba_vargrad", """{"beta": 0.2}""",
            new(Needs.ReferenceLogp | Needs.Groups | Needs.WholeBatch, (q, v, _, x) =>
            {
                Tensor f = LogRatio(x, q, v) - x.Reward / 0.2;
                return Mean(x, f - GroupMean(x, f));
            }));
        yield return ("rebel", """{"eta": 0.7}""",
            new(Needs.ReferenceLogp | Needs.Groups | Needs.WholeBatch, (q, v, _, x) => Pairs(x, LogRatio(x, q, v))));
        yield return ("rebel", """{"eta": 0.7, "ratio": "old"}""",
            new(Needs.OldLogp | Needs.Groups | Needs.WholeBatch, (q, v, _, x) => Pairs(x, ToOld(x, q, v))));
    }

    private static Tensor Mean(ObjectiveTensors x, Tensor f)
    {
        x.Residual(f);
        return (x.Weight * f * f).sum();
    }

    private static Tensor LogRatio(ObjectiveTensors x, Tensor q, Tensor v) => x.Sum(x.LogPi(q, v) - x.RefLogp);

    private static Tensor ToOld(ObjectiveTensors x, Tensor q, Tensor v) => x.Sum(x.LogPi(q, v) - x.OldLogp);

    /// <summary>g_h = Q_h - log pi_ref,h - V_(h+1), at the last token - r/beta in place of the value.</summary>
    private static Tensor OfEveryToken(ObjectiveTensors x, Tensor q, Tensor next)
    {
        Tensor after = cat([x.Trajectory.narrow(0, 1, x.Rows - 1), tensor(new long[] { -1 })], 0);
        Tensor goesOn = x.Trajectory.eq(after);
        Tensor value = cat([next.narrow(0, 1, x.Rows - 1), zeros(1, float64)], 0);
        Tensor g = q - x.RefLogp - where(goesOn, value, x.AtRows(x.Reward) / 0.1);
        return (x.AtRows(x.Weight) * g * g).sum();
    }

    private static Tensor GroupMean(ObjectiveTensors x, Tensor each)
    {
        Tensor same = x.Group.unsqueeze(0).eq(x.Group.unsqueeze(1)).to(float64);
        return same.matmul(each) / same.sum(1);
    }

    /// <summary>((rho - rho')/eta - (r - r'))^2 over the pairs of every prompt's responses.</summary>
    private static Tensor Pairs(ObjectiveTensors x, Tensor rho)
    {
        Tensor isPair = x.Group.unsqueeze(0).eq(x.Group.unsqueeze(1)).to(float64).triu(1);
        Tensor f = (rho.unsqueeze(1) - rho.unsqueeze(0)) / 0.7 - (x.Reward.unsqueeze(1) - x.Reward.unsqueeze(0));
        return (isPair * f * f).sum() / isPair.sum();
    }
}
