using NUnit.Framework;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Tests.Metrics;

/// <summary>verl's line per step can be taken apart at its separators, whatever a data source is called.</summary>
public sealed class ConsoleLineTests
{
    [Test]
    public void A_name_holds_no_separator()
    {
        MetricSet metrics = new();
        metrics["val-core/hf:a - b\nc/acc/mean@1"] = 0.25;
        metrics["actor/lr"] = 2.5e-6;
        Assert.That(metrics.ToConsoleLine(12),
            Is.EqualTo("step:12 - val-core/hf_a_-_b_c/acc/mean@1:0.25 - actor/lr:2.5E-06"));
        Assert.That(metrics.ToJson().ContainsKey("val-core/hf:a - b\nc/acc/mean@1"), Is.True, "files keep the name");
    }
}
