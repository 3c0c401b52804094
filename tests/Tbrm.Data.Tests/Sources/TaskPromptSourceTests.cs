using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Tasks;

namespace Tbrm.Data.Tests.Sources;

public sealed class TaskPromptSourceTests
{
    private static readonly IReasoningTask s_task =
        TaskRegistry.Create("chain_sum", seed: 1, size: 1000, new() { ["max_terms"] = 2, ["max_digits"] = 1 });

    private static TaskPromptSource Source(bool heldOut) =>
        heldOut ? TaskPromptSource.HeldOut(s_task, 0.2, 300) : TaskPromptSource.Training(s_task, 0.2);

    /// <summary>One-digit sums are so few that any leak would show at once.</summary>
    [Test]
    public void No_problem_is_on_both_sides()
    {
        HashSet<string> train = [.. Questions(Source(heldOut: false), 1000)],
            heldOut = [.. Questions(Source(heldOut: true), 300)];
        Assert.That(train.Intersect(heldOut), Is.Empty);
        Assert.That(train, Has.Count.GreaterThan(100));
        Assert.That(heldOut, Has.Count.GreaterThan(20));
    }

    [Test]
    public void A_prompt_is_a_function_of_its_index()
    {
        TaskPromptSource source = Source(heldOut: false);
        Assert.That(Questions(source, 50), Is.EqualTo(Questions(Source(heldOut: false), 50)));
        Assert.That(source.Get(17).Messages[0].Content, Is.EqualTo(source.Get(17).Messages[0].Content));
    }

    [Test]
    public void A_limited_set_is_the_beginning_of_the_endless_one()
    {
        TaskPromptSource limited = TaskPromptSource.Training(s_task, 0.2, 20);
        Assert.That(limited.Count, Is.EqualTo(20));
        Assert.That(Source(heldOut: false).Count, Is.Null);
        Assert.That(Questions(limited, 20), Is.EqualTo(Questions(Source(heldOut: false), 20)));
        Assert.That(() => limited.Get(20), Throws.TypeOf<System.ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_prompt_carries_the_item()
    {
        IReasoningTask task = TaskRegistry.Create("chain_sum", 42, 3);
        TaskPromptSource source = new(task, "Be brief.");
        Prompt prompt = source.Get(1);
        Assert.That(source.Count, Is.EqualTo(3));
        Assert.That(prompt.DataSource, Is.EqualTo("chain_sum"));
        Assert.That(prompt.Messages,
            Is.EqualTo(new[] { new ChatMessage("system", "Be brief."),
            new ChatMessage("user", task.Generate(1).Question) }));
        Assert.That((prompt.GroundTruth.Text, prompt.Index), Is.EqualTo(("1692", 1L)));
        Assert.That((string?)prompt.ExtraInfo?["expression"], Is.EqualTo("812 + 880"));
        Assert.Throws<System.ArgumentOutOfRangeException>(() => source.Get(3));
        TaskPromptSource endless = new(task, endless: true);
        Assert.That((endless.Count, endless.Get(1_000_000).Index), Is.EqualTo(((long?)null, 1_000_000L)));
    }

    private static List<string> Questions(TaskPromptSource source, int count) =>
        [.. Enumerable.Range(0, count).Select(i => source.Get(i)).Select((Prompt p) => p.Messages[^1].Content)];
}
