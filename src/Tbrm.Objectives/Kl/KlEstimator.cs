using System;
using System.Collections.Generic;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Kl;

/// <summary>
/// Estimates of KL(pi || pi_ref) at the token that was sampled, by verl's names (<c>kl_penalty</c>,
/// <c>kl_loss_type</c>), after
/// joschu.net/blog/kl-approx.html. With d = log pi - log pi_ref:
/// <code>
/// k1, kl:          d             its gradient is 1: no KL gradient at all in expectation
/// abs:             |d|
/// k2, mse:         d^2 / 2       its expected gradient is that of the KL
/// k3, low_var_kl:  e^-d - 1 + d  d clamped to [-20, 20], the estimate to 10 as in verl; 0 gradient where a clamp is
/// active
/// x+:              the value of x with the gradient of k2 (straight through)
/// </code>
/// </summary>
public static class KlEstimator
{
    private const double Exponent = 20, Most = 10;

    /// <summary>The names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["kl", "k1", "abs", "mse", "k2", "low_var_kl", "k3", "kl+", "k1+", "abs+", "mse+", "k2+", "low_var_kl+", "k3+"];

    /// <summary>The estimate, and its derivative by log pi.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="logp">log pi.</param>
    /// <param name="refLogp">log pi_ref.</param>
    /// <param name="constant">log pi where it is constant for the gradient: the same number (see
    /// <see cref="ObjectiveBatch.Constants"/>).</param>
    /// <exception cref="ConfigException">There is no such estimate.</exception>
    public static (double Value, double Derivative) Of(string name, double logp, double refLogp, double constant)
    {
        ArgumentNullException.ThrowIfNull(name);
        double d = logp - refLogp;
        if (name.EndsWith('+'))
        {
            double at = constant - refLogp;
            return (Of(name[..^1], constant, refLogp).Value + (d == at ? 0 : (d * d - at * at) / 2), d);
        }

        return name switch
        {
            "kl" or "k1" => (d, 1),
            "abs" => (Math.Abs(d), Math.Sign(d)),
            "mse" or "k2" => (d * d / 2, d),
            "low_var_kl" or "k3" => LowVariance(d),
            _ => throw new ConfigException(
                $"KL estimate: expected one of {string.Join(", ", Names)}, found "
                    + $"'{name}'{NearestName.Hint(name, Names)}"),
        };
    }

    /// <summary>The estimate, and its derivative by log pi.</summary>
    public static (double Value, double Derivative) Of(string name, double logp, double refLogp) =>
        Of(name, logp, refLogp, logp);

    private static (double Value, double Derivative) LowVariance(double d)
    {
        double exponent = Math.Clamp(-d, -Exponent, Exponent);
        double estimate = Math.Exp(exponent) - exponent - 1;
        bool clamped = estimate > Most || exponent != -d;
        return (Math.Min(estimate, Most), clamped ? 0 : 1 - Math.Exp(exponent));
    }
}
