using System;
using System.IO;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sources;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests.Prompts;

/// <summary>Which rows of supervised files become examples.</summary>
public sealed class SupervisedDatasetTests
{
    private static readonly RunConfig s_config =
        new() { Data = new() { MaxPromptLength = 100, MaxResponseLength = 8 } };

    private readonly string _file = Path.GetTempFileName();

    [OneTimeSetUp]
    public void WriteRows() => File.WriteAllLines(_file, Enumerable.Range(0, 20).Select(i => (i % 4) switch
    {
        0 => $$"""{"prompt": "{{i}}?", "response": "123456789"}""",
        1 => $$"""{"messages": [{"role": "user", "content": "{{i}}?"}]}""",
        _ => $$"""{"prompt": "{{i}}?", "response": "{{i}}"}""",
    }));

    [OneTimeTearDown]
    public void DeleteRows() => File.Delete(_file);

    [Test]
    public void What_is_left_out_is_counted()
    {
        SupervisedDataset data = Load(-1);
        Assert.That((data.Count, data.Counts.Overlong, data.Counts.LeftOut.Total), Is.EqualTo((10L, 5, 5L)));
        Assert.That(data.Counts.ToString(),
            Does.Contain("5 are longer").And.Contain(
            $"5: 'messages' has no turn of the assistant (the first: {_file}:2)"));
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(10)]
    [TestCase(100)]
    public void The_limit_counts_the_examples_that_are_left_as_it_does_for_prompts(int limit)
    {
        SupervisedDataset all = Load(-1), some = Load(limit);
        Assert.That(some.Count, Is.EqualTo(Math.Min(limit, 10)));
        for (int i = 0; i < some.Count; i++)
        {
            Assert.That(some.Get(i).Response.ToArray(), Is.EqualTo(all.Get(i).Response.ToArray()));
        }
    }

    [Test]
    public void Reading_can_be_stopped()
    {
        Assert.That(() => Load(-1, stop: new CancellationToken(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void When_nothing_is_left_the_error_says_what_became_of_the_rows()
    {
        Assert.That(() => Load(0), Throws.TypeOf<DataException>());
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{"messages": [{"role": "assistant", "content": "hello"}]}""");
            Assert.That(() => Load(-1, file),
                Throws.TypeOf<DataException>().With.Message.Contains("no examples are left: 1 hold nothing"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private SupervisedDataset Load(long maxSamples, string? file = null, CancellationToken stop = default)
    {
        Tokenizer tokenizer =
            ScratchModel.TrainTokenizer(new(),
            new PromptList([new() { DataSource = "t", Messages = [new("user", "1 + 2?")], GroundTruth = "3",
            Index = 0 }]));
        SupervisedEncoder encoder = new(new(tokenizer, null, s_config.Data), [tokenizer.EosId!.Value], s_config);
        return SupervisedDataset.Load([file ?? _file], new(), encoder, maxSamples, stop);
    }
}
