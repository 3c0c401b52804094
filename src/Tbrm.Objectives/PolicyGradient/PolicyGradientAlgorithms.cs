using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// Policy-gradient algorithms: an advantage estimator and a policy loss, chosen apart. Those with a name of their own
/// stand here; every other
/// estimator is an algorithm of its name with PPO's loss, every other loss one of its name with GRPO's advantages.
/// </summary>
public sealed class PolicyGradientAlgorithms : IAlgorithmEntry
{
    private const string DefaultEstimator = "grpo";

    private static string DefaultLoss => PolicyLosses.Default;

    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } = [.. All()];

    private static IEnumerable<Algorithm> All()
    {
        Algorithm[] named =
        [
            Entry("ppo", "gae", DefaultLoss, "clipped surrogate, critic, GAE",
                "arXiv 1707.06347") with { Aliases = ["gae", "vanilla"] },
            Entry("grpo", "grpo", DefaultLoss, "clipped surrogate, rewards normalized within the prompt's group",
                "arXiv 2402.03300"),
            Entry("dr_grpo", "grpo", DefaultLoss, "GRPO without division by deviation or length",
                "arXiv 2503.20783") with
            {
                Defaults = new Dictionary<string, JsonNode> { ["norm_adv_by_std_in_grpo"] = false,
                    ["loss_agg_mode"] = "seq-mean-token-sum-norm" },
            },
            Entry("dapo", "grpo", DefaultLoss, "GRPO with a higher upper clip and the token mean",
                "arXiv 2503.14476") with
            {
                Defaults = new Dictionary<string, JsonNode> { ["clip_ratio_low"] = 0.2, ["clip_ratio_high"] = 0.28,
                    ["clip_ratio_c"] = 10 },
            },
        ];
        foreach (Algorithm one in named)
        {
            yield return one;
        }

        foreach (Estimator estimator in EstimatorTable.Entries.Where(e => named.All(n => n.AdvEstimator != e.Name)))
        {
            string loss = PolicyLosses.Names.Contains(estimator.Name) ? estimator.Name : DefaultLoss;
            yield return Entry(estimator.Name, estimator.Name, loss,
                $"{PolicyLosses.SummaryOf(loss)}; {estimator.Summary}", estimator.Paper);
        }

        foreach (string loss in PolicyLosses.Names.Where(
            l => l != DefaultLoss && EstimatorTable.Entries.All(e => e.Name != l)))
        {
            yield return Entry(loss, DefaultEstimator, loss, PolicyLosses.SummaryOf(loss) + "; GRPO's advantages",
                PolicyLosses.PaperOf(loss));
        }
    }

    private static Algorithm Entry(string name, string estimator, string loss, string summary, string paper) => new()
    {
        Name = name,
        AdvEstimator = estimator,
        LossMode = loss,
        Summary = summary,
        Paper = paper,
        Options = typeof(PolicyLossOptions),
        Objective = o =>
        {
            PolicyLossOptions options = OptionReader.Read<PolicyLossOptions>(o, name);
            return new PolicyGradientObjective(PolicyLosses.Create(options.LossMode), options);
        },
    };
}
