using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Objectives;
using static TorchSharp.torch;

namespace Tbrm.Torch.Tests;

/// <summary>The policy losses, token by token, written from their papers' formulas (and verl's where peers
/// differ).</summary>
internal static class PolicyGradientTwins
{
    private const double Low = 0.15, High = 0.25;
    private const string Clip = """ "clip_ratio_low": 0.15, "clip_ratio_high": 0.25""";

    /// <summary>A case: the loss mode, its options, the loss.</summary>
    public static IEnumerable<(string LossMode, string Options, Twin Twin)> All()
    {
        yield return Of("vanilla", Clip, (x, logp) => Vanilla(x, logp, 3));
        yield return Of("vanilla", Clip + """, "clip_ratio_c": 1.1""", (x, logp) => Vanilla(x, logp, 1.1));
        foreach (string mode in new[] { "token-sum", "seq-mean-token-sum", "seq-mean-token-mean" })
        {
            yield return Of("vanilla", $"{Clip}, \"loss_agg_mode\": \"{mode}\"", (x, logp) => Vanilla(x, logp, 3),
                mode);
        }

        yield return Of("bypass_mode", Clip, (x, logp) => Vanilla(x, logp, 3));
        yield return Of("bypass_mode", Clip + """, "loss_type": "reinforce" """, (x, logp) => -x.Advantage * logp);
        yield return Of("gspo", Clip, (x, logp) => Gspo(x, SequenceMean(x, x.ConstantLogPi - x.OldLogp)
            + (logp - x.ConstantLogPi)), "seq-mean-token-mean");
        yield return Of("gspo", Clip + """, "gspo_gradient": "sequence" """,
            (x, logp) => Gspo(x, SequenceMean(x, logp - x.OldLogp)), "seq-mean-token-mean");
        yield return Of("cispo", Clip,
            (x, logp) => -ConstantRatio(x).clamp(1 - Low, 1 + High) * x.Advantage * logp);
        yield return Of("sapo", """ "tau_pos": 1.3, "tau_neg": 2""", (x, logp) =>
        {
            Tensor tau = where(x.Advantage.gt(0), full_like(x.Advantage, 1.3), full_like(x.Advantage, 2));
            return -x.Advantage * (tau * (Ratio(x, logp) - 1)).sigmoid() * 4 / tau;
        }, "seq-mean-token-mean");
        yield return Of("geo_mean", Clip, GeoMean, "seq-mean");
        yield return Of("clip_cov", Clip + """, "clip_cov_ratio": 0.2, "clip_cov_lb": 0, "clip_cov_ub": 9""", ClipCov,
            needs: Needs.WholeBatch);
        yield return Of("kl_cov", """ "kl_cov_ratio": 0.2, "ppo_kl_coef": 0.7""", (x, logp) =>
        {
            Tensor log = logp - x.OldLogp, chosen = Largest(Covariance(x), ones(x.Rows), (int)(x.Rows * 0.2));
            return -x.Advantage * log.exp() + 0.7 * chosen * log.abs();
        }, needs: Needs.WholeBatch);
        yield return Of("dppo_tv", Clip, (x, logp) =>
        {
            Tensor change = x.ConstantLogPi.exp() - x.OldLogp.exp();
            return Dppo(x, logp, where(x.Advantage.gt(0), change.le(High), change.ge(-Low)));
        });
        yield return Of("dppo_kl", """ "clip_ratio": 0.01""", (x, logp) =>
        {
            Tensor p = x.ConstantLogPi.exp(), q = x.OldLogp.exp();
            Tensor kl = q * (x.OldLogp - x.ConstantLogPi) + (1 - q) * ((1 - q + 1e-8) / (1 - p + 1e-8)).log();
            Tensor returns = where(x.Advantage.gt(0), p.le(q), p.ge(q));
            return Dppo(x, logp, kl.le(0.01).logical_or(returns));
        });
        yield return Of("dro", """ "dro_beta": 0.3""", (x, logp) =>
            -(x.Advantage * logp - 0.15 * (logp - x.OldLogp).pow(2)));
        yield return Of("gpg", "", (x, logp) => -x.Advantage * logp, needs: Needs.Advantages, isOld: false);
        foreach ((string name, Func<Tensor, Tensor, Tensor> kl) in Kl())
        {
            yield return WithPenalties(name, kl);
        }
    }

    /// <summary>Estimates of the KL to the reference: from d, and d where it is constant.</summary>
    private static IEnumerable<(string, Func<Tensor, Tensor, Tensor>)> Kl()
    {
        static Tensor K3(Tensor d) => ((-d).clamp(-20, 20).exp() - (-d).clamp(-20, 20) - 1).clamp_max(10);
        yield return ("kl", (d, _) => d);
        yield return ("abs", (d, _) => d.abs());
        yield return ("mse", (d, _) => d * d / 2);
        yield return ("low_var_kl", (d, _) => K3(d));
        yield return ("low_var_kl+", (d, constant) => K3(constant) + (d * d - constant * constant) / 2);
    }

    private static (string, string, Twin) WithPenalties(string kl, Func<Tensor, Tensor, Tensor> estimate) =>
        ("vanilla", $"{{{Clip}, \"entropy_coeff\": 0.02, \"kl_loss_coef\": 0.3, \"kl_loss_type\": \"{kl}\"}}",
            new(Needs.Advantages | Needs.OldLogp | Needs.Entropy | Needs.ReferenceLogp, (q, v, h, x) =>
            {
                Tensor logp = x.LogPi(q, v);
                Tensor rows = Vanilla(x, logp, 3) - 0.02 * h
                    + 0.3 * estimate(logp - x.RefLogp, x.ConstantLogPi - x.RefLogp);
                return (x.TokenWeights() * rows).sum();
            }));

    private static (string, string, Twin) Of(string mode, string options,
        Func<ObjectiveTensors, Tensor, Tensor> rows, string aggregation = "token-mean", Needs needs = Needs.None,
        bool isOld = true) =>
        (mode, $"{{{options}}}", new(Needs.Advantages | needs | (isOld ? Needs.OldLogp : Needs.None),
            (q, v, _, x) => (x.TokenWeights(aggregation) * rows(x, x.LogPi(q, v))).sum()));

    private static Tensor Ratio(ObjectiveTensors x, Tensor logp) => (logp - x.OldLogp).clamp(-20, 20).exp();

    private static Tensor ConstantRatio(ObjectiveTensors x) => Ratio(x, x.ConstantLogPi);

    private static Tensor Pessimistic(ObjectiveTensors x, Tensor ratio) =>
        maximum(-x.Advantage * ratio, -x.Advantage * ratio.clamp(1 - Low, 1 + High));

    private static Tensor Vanilla(ObjectiveTensors x, Tensor logp, double c)
    {
        Tensor loss = Pessimistic(x, Ratio(x, logp));
        return where(x.Advantage.lt(0), minimum(loss, -x.Advantage * c), loss);
    }

    private static Tensor SequenceMean(ObjectiveTensors x, Tensor rows) =>
        x.AtRows(x.Sum(rows) / x.Sum(ones_like(rows)));

    private static Tensor Gspo(ObjectiveTensors x, Tensor log) => Pessimistic(x, log.clamp_max(10).exp());

    private static Tensor GeoMean(ObjectiveTensors x, Tensor logp)
    {
        Tensor log = logp - x.OldLogp, sign = x.Advantage.sign();
        Tensor bounded = sign * minimum(sign * log, sign * log.clamp(-Low, High));
        return -SequenceMean(x, x.Advantage) * SequenceMean(x, bounded).exp();
    }

    private static Tensor Covariance(ObjectiveTensors x) =>
        (x.Advantage - x.Advantage.mean()) * (x.ConstantLogPi - x.ConstantLogPi.mean());

    private static Tensor ClipCov(ObjectiveTensors x, Tensor logp)
    {
        Tensor ratio = (logp - x.OldLogp).exp(), constant = (x.ConstantLogPi - x.OldLogp).exp();
        Tensor isClipped = (-x.Advantage * constant.clamp(1 - Low, 1 + High)).gt(-x.Advantage * constant);
        Tensor covariance = Covariance(x);
        Tensor candidates = isClipped.logical_not().logical_and(covariance.gt(0)).logical_and(covariance.lt(9));
        return (1 - Largest(covariance, candidates, (int)(x.Rows * 0.2))) * Pessimistic(x, ratio);
    }

    /// <summary>1 at the largest of the candidates, so many of them, one at least.</summary>
    private static Tensor Largest(Tensor of, Tensor candidates, int count)
    {
        double[] values = of.data<double>().ToArray();
        bool[] may = candidates.to(@bool).data<bool>().ToArray();
        double[] chosen = new double[values.Length];
        foreach (int i in Enumerable.Range(0, values.Length).Where(i => may[i]).OrderByDescending(i => values[i])
            .Take(Math.Max(1, count)))
        {
            chosen[i] = 1;
        }

        return tensor(chosen);
    }

    private static Tensor Dppo(ObjectiveTensors x, Tensor logp, Tensor isInside) =>
        -x.Advantage * where(isInside, ConstantRatio(x).clamp_max(20), zeros_like(logp)) * logp;
}
