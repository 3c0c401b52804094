using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Objectives.Checks;
using Tbrm.Objectives.Kl;
using Tbrm.Objectives.Options;
using Tbrm.Objectives.PolicyGradient;

namespace Tbrm.Objectives.Tests;

/// <summary>What <c>objective check</c> asks, of every algorithm; and that it notices what is wrong.</summary>
public sealed class CheckTests
{
    private static IEnumerable<TestCaseData> Objectives()
    {
        foreach (Algorithm entry in AlgorithmTable.Entries)
        {
            JsonObject options = entry.LossMode is { } mode ? new() { ["loss_mode"] = mode } : [];
            if (entry.LossMode == "dro")
            {
                options["dro_beta"] = 0.3;
            }

            yield return new TestCaseData(entry.Objective(options)).SetArgDisplayNames(entry.Name);
            foreach (PropertyInfo flag in entry.Options.GetProperties()
                .Where(p => p.PropertyType == typeof(bool) && p.CanWrite))
            {
                string name = OptionReader.Snake(flag.Name);
                yield return new TestCaseData(entry.Objective(
                    new(options.Select(o => KeyValuePair.Create(o.Key, o.Value?.DeepClone()))) { [name] = true }))
                    .SetArgDisplayNames($"{entry.Name} {name}");
            }
        }

        foreach (string estimate in KlEstimator.Names)
        {
            JsonObject options = new() { ["kl_loss_coef"] = 0.1, ["kl_loss_type"] = estimate };
            yield return new TestCaseData(AlgorithmTable.Find("ppo").Objective(options))
                .SetArgDisplayNames("ppo " + estimate);
        }

        foreach (string loss in PolicyLosses.Names)
        {
            foreach (string mode in LossAggregation.Modes)
            {
                JsonObject options =
                    new()
                    {
                        ["loss_mode"] = loss,
                        ["loss_agg_mode"] = mode,
                        ["dro_beta"] = 0.3,
                        ["entropy_coeff"] = 0.01,
                        ["kl_loss_coef"] = 0.05,
                        ["kl_loss_type"] = "k3+"
                    };
                yield return new TestCaseData(AlgorithmTable.Find("grpo").Objective(options))
                    .SetArgDisplayNames($"{loss} {mode}");
            }
        }

        yield return new TestCaseData(new ValueLoss(new())).SetArgDisplayNames("value_loss");
        yield return new TestCaseData(new SftObjective()).SetArgDisplayNames("sft");
        foreach ((string name, string options) in new[]
        {
            ("tbrm", """{"beta": 0.25, "loss_scale": "reward"}"""), ("tbrm", """{"iterative": true}"""),
            ("tbrm", """{"detach_value": true}"""),
            ("reval", """{"iterative": true, "beta": 0.1}"""), ("brm", """{"stop_grad_next": true}"""),
            ("a_star_po", """{"entropy_coeff": 0.01}"""),
            ("rebel", """{"ratio": "old", "eta": 2}"""),
            ("ppo",
                """{"entropy_coeff": 0.02, "kl_loss_coef": 0.1, "kl_loss_type": "k3", "loss_agg_mode": "seq-mean-token-sum-norm"}"""),
            ("ppo",
                """{"kl_loss_coef": 0.1, "kl_loss_type": "abs", "loss_agg_mode": "seq-mean-token-mean", "clip_ratio_c": 1.1}"""),
            ("ppo", """{"kl_loss_coef": 0.1, "kl_loss_type": "k2", "loss_agg_mode": "seq-mean-token-sum"}"""),
            ("ppo", """{"kl_loss_coef": 0.1, "kl_loss_type": "k1", "loss_agg_mode": "token-sum"}"""),
            ("ppo", """{"kl_loss_coef": 0.1, "kl_loss_type": "k3+"}"""),
            ("gspo", """{"loss_mode": "gspo", "gspo_gradient": "sequence"}"""),
            ("kl_cov", """{"loss_mode": "kl_cov", "kl_cov_ratio": 0.3}"""),
            ("clip_cov", """{"loss_mode": "clip_cov", "clip_cov_ratio": 0.3, "clip_cov_lb": 0.1}"""),
        })
        {
            yield return new TestCaseData(AlgorithmTable.Find(name).Objective((JsonObject)JsonNode.Parse(options)!))
                .SetArgDisplayNames(name + " " + options);
        }
    }

    [TestCaseSource(nameof(Objectives))]
    public void Every_check_holds(IObjective objective)
    {
        IReadOnlyList<CheckResult> results = new ObjectiveCheck(objective).Run();
        Assert.That(results.Where(r => r.Passed == false), Is.Empty);
        Assert.That(results.Where(r => r.Passed is null).Select(r => r.Name),
            Is.EqualTo(objective.Needs.HasFlag(Needs.WholeBatch) ? ["micro-batches"] : Array.Empty<string>()));
    }

    [TestCase("finite differences")]
    [TestCase("finite differences", "a weight that is followed and has no gradient")]
    [TestCase("finite differences", "a constant that has a gradient")]
    [TestCase("order of trajectories")]
    [TestCase("rows that do not count")]
    [TestCase("micro-batches")]
    [TestCase("dropped trajectory")]
    [TestCase("nothing to learn from")]
    public void A_fault_of_each_kind_is_noticed(string check, string? fault = null)
    {
        IReadOnlyList<CheckResult> results = new ObjectiveCheck(new Faulty(fault ?? check)).Run();
        Assert.That(results.Single(r => r.Name == check).Passed, Is.False);
    }

    [Test]
    public void What_throws_is_a_failed_check_that_says_so()
    {
        CheckResult result = new ObjectiveCheck(new Faulty("throws")).Run()[0];
        Assert.That(result.Passed, Is.False);
        Assert.That(result.Detail, Does.Contain("InvalidOperationException: broken"));
    }

    /// <summary>-mean log pi, with one fault.</summary>
    private sealed class Faulty(string fault) : IObjective
    {
        public Needs Needs => Needs.None;

        public ObjectiveResult Evaluate(ObjectiveBatch batch)
        {
            ObjectiveResult result = new(batch.RowCount);
            double count = fault == "micro-batches" ? BatchTotals.Of(batch).Tokens : batch.WholeTotals().Tokens;
            for (int b = 0; b < batch.TrajectoryCount; b++)
            {
                (int begin, int end) = batch.Actions(b);
                for (int i = begin; i < end; i++)
                {
                    if ((batch.Counts(i) || fault == "rows that do not count")
                        && (!batch.IsDropped(b) || fault == "dropped trajectory"))
                    {
                        double weight = (fault == "order of trajectories" ? b + 1 : 1) / Math.Max(count, 1);
                        double factor = fault == "a weight that is followed and has no gradient"
                            ? Math.Exp(batch.LogPi(i)) : 1;
                        result.Loss -= weight * factor * (fault == "a constant that has a gradient" ? batch.Constants
                            : batch).LogPi(i);
                        result.AddLogp(i, (fault == "finite differences" ? weight : -weight) * factor);
                    }
                }
            }

            result.Loss += fault == "nothing to learn from" ? 1 : 0;
            return fault == "throws" ? throw new InvalidOperationException("broken") : result;
        }
    }
}
