using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Engine;
using Tbrm.Training.Plans;

namespace Tbrm.Training.Tests.Plans;

/// <summary>model.head_budget_mb=0: what the device makes of it.</summary>
public sealed class HeadBudgetTests
{
    private const long Gigabyte = 1L << 30;

    [TestCase(false, 64, ExpectedResult = 256)]
    [TestCase(true, 8, ExpectedResult = 256)]
    [TestCase(true, 80, ExpectedResult = 1342)]
    [TestCase(true, 141, ExpectedResult = 2048)]
    public int A_gpu_gives_a_share_of_its_memory_within_bounds(bool isCuda, long gigabytes) =>
        HeadBudget.Default(isCuda, gigabytes * Gigabyte);

    [Test]
    public void What_was_given_is_used()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        RunConfig given = new() { Model = new() { HeadBudgetMb = 7 } };
        Assert.That(HeadBudget.Resolve(given, device), Is.SameAs(given));
        Assert.That(HeadBudget.Resolve(new(), device).Model.HeadBudgetMb, Is.EqualTo(256));
        Assert.That(HeadBudget.Bytes(new()), Is.EqualTo(256_000_000));
    }
}
