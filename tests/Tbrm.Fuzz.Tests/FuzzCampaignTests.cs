using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Fuzz.Campaign;
using Tbrm.Fuzz.Targets;

namespace Tbrm.Fuzz.Tests;

/// <summary>A short campaign against every reader, and proof that a campaign finds what it is there to find.</summary>
[Parallelizable(ParallelScope.None)]
internal sealed class FuzzCampaignTests
{
    [TestCase("tokenizer", 800)]
    [TestCase("parquet", 400)]
    [TestCase("jsonl", 300)]
    [TestCase("template", 400)]
    public void A_reader_accepts_or_refuses_what_it_is_given(string target, int count)
    {
        FuzzResult result = new FuzzCampaign
        {
            Target = target,
            Seed = 20260101,
            Count = count,
            InputLimit = TimeSpan.FromMinutes(1)
        }.Run();

        Assert.That(result.Defects.Select(defect => $"{defect.Index}: {defect.Kind}: {defect.Description}"), Is.Empty);
        Assert.That(result.Counts.Accepted + result.Counts.Refused, Is.EqualTo(count));
        Assert.That(result.Counts.Accepted, Is.InRange(count / 100, count - (count / 100)),
            "inputs that are all the same kind try nothing");
    }

    [Test]
    public void Every_kind_of_defect_is_found_and_the_campaign_goes_on_behind_it()
    {
        // The seed whose first inputs show every fault about once.
        const int Inputs = 10;
        const int Seed = 13;
        FaultyTarget target = new();
        int[] faults = [.. Enumerable.Range(0, Inputs).Select(i => (int)FuzzWorker.CreateInput(target, Seed, i)[0])];

        FuzzResult result = new FuzzCampaign
        {
            Target = target.Name,
            Seed = Seed,
            Count = Inputs,
            InputLimit = TimeSpan.FromSeconds(4),
            MaxDefects = int.MaxValue
        }.Run();

        Assert.That(Enum.GetValues<FaultyTarget.Fault>().Select(fault => (int)fault), Is.SubsetOf(faults),
            "the inputs show every fault");
        Assert.That(
            result.Defects.Select(defect => (defect.Index, defect.Kind)),
            Is.EquivalentTo(faults.Select((fault, i) => ((long)i, Kind((FaultyTarget.Fault)fault)))
                .Where(defect => defect.Item2 is not null)));
        Assert.That(result.Defects.All(
            defect => defect.Input.SequenceEqual(FuzzWorker.CreateInput(target, Seed, defect.Index))), Is.True);
    }

    [TestCase("tokenizer")]
    [TestCase("parquet")]
    [TestCase("jsonl")]
    [TestCase("template")]
    [TestCase("faulty")]
    public void The_same_seed_gives_the_same_inputs(string name)
    {
        IFuzzTarget first = FuzzTargets.Create(name), second = FuzzTargets.Create(name);
        for (int i = 0; i < 50; i++)
        {
            Assert.That(FuzzWorker.CreateInput(first, 3, i),
                Is.EqualTo(FuzzWorker.CreateInput(second, 3, i)).AsCollection);
        }
    }

    private static string? Kind(FaultyTarget.Fault fault) => fault switch
    {
        FaultyTarget.Fault.Overflow => "crash",
        FaultyTarget.Fault.Hang => "hang",
        FaultyTarget.Fault.Exception or FaultyTarget.Fault.Garbage or FaultyTarget.Fault.Memory => "exception",
        _ => null,
    };
}
