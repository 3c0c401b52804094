using System.Collections.Generic;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>GPG, arXiv 2504.02546: -A log pi, plain REINFORCE.</summary>
public sealed class GpgLoss : IPolicyLoss, IPolicyLossEntry
{
    /// <inheritdoc/>
    public static string LossMode => "gpg";

    /// <inheritdoc/>
    public static string Summary => "plain policy gradient, no ratio";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2504.02546";

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics => [];

    /// <inheritdoc/>
    public Needs Needs => Needs.None;

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows) =>
        batch.ForEachRow(i =>
    {
        rows.Loss[i] = -batch.Advantages[i] * batch.LogPi(i);
        rows.Derivative[i] = -batch.Advantages[i];
    });
}
