using System.Collections.Generic;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// Direct reward optimization per token as in verl and Tinker: -(A log pi - dro_beta/2 (log pi - log pi_old)^2); the
/// sequence form with a
/// learned value is arXiv 2405.19107.
/// </summary>
public sealed class DroLoss : IPolicyLoss, IPolicyLossEntry
{
    /// <inheritdoc/>
    public static string LossMode => "dro";

    /// <inheritdoc/>
    public static string Summary => "policy gradient with a squared log-ratio penalty (needs dro_beta)";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2405.19107";

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics => ["actor/ppo_kl"];

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows)
    {
        double beta = options.DroBeta ?? throw new ConfigException("loss_mode=dro needs dro_beta, a number above 0");
        batch.ForEachRow(i =>
        {
            double a = batch.Advantages[i], log = batch.LogPi(i) - batch.OldLogp[i];
            rows.Loss[i] = -(a * batch.LogPi(i) - beta / 2 * log * log);
            rows.Derivative[i] = -(a - beta * log);
            rows.Metrics.AddMean("actor/ppo_kl", -log, 1);
        });
    }
}
