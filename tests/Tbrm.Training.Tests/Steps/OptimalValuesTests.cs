using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>The file of A*-PO's first stage.</summary>
public sealed class OptimalValuesTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-v-star-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void What_was_sampled_is_known_again_after_a_kill_that_cut_the_last_line()
    {
        EncodedPrompt[] prompts = Make.Prompts(3);
        OptimalValues first = new(File(), Config());
        Assert.That(first.Missing(prompts), Is.EqualTo(prompts));
        first.Add([(prompts[0], [1, 0]), (prompts[1], [0, 0])]);
        first.Add([(prompts[2], [1, 1])]);
        byte[] whole = System.IO.File.ReadAllBytes(File());
        System.IO.File.WriteAllBytes(File(), whole[..^5]);

        OptimalValues again = new(File(), Config());
        Assert.That(again.Missing(prompts), Is.EqualTo(new[] { prompts[2] }));
        again.Add([(prompts[2], [1, 1])]);
        Assert.That(System.IO.File.ReadAllBytes(File()), Is.EqualTo(whole), "the same bytes as without the kill");
        // beta1 log mean exp(r / beta1), by hand for beta1 = 0.5: 0.5 ln((e^2 + 1) / 2).
        Assert.That(again.Of(prompts[0]), Is.EqualTo(0.5 * Math.Log((Math.Exp(2) + 1) / 2)).Within(1e-15));
        Assert.That((again.Of(prompts[1]), again.Of(prompts[2])), Is.EqualTo((0.0, 1.0)));
        Assert.That(prompts.Select(again.IsEverRewarded), Is.EqualTo(new[] { true, false, true }));
    }

    [Test]
    public void Ids_are_a_function_of_the_prompt_alone_and_a_prompt_is_asked_once()
    {
        EncodedPrompt[] prompts = Make.Prompts(9);
        OptimalValues values = new(File(), Config());
        Assert.That(values.Missing(prompts).Count, Is.EqualTo(8), "the ninth has the tokens of the first");
        Assert.That(values.IdsOf(prompts[8]),
            Is.EqualTo(values.IdsOf(prompts[0])).And.Length.EqualTo(2).And.All.GreaterThanOrEqualTo(0));
        Assert.That(prompts[..8].SelectMany(values.IdsOf).Distinct().Count(), Is.EqualTo(16));
    }

    [Test]
    public void A_file_that_was_sampled_otherwise_is_refused()
    {
        _ = new OptimalValues(File(), Config());
        Assert.That(() => new OptimalValues(File(), Config("rollout.temperature=0.5")),
            Throws.InstanceOf<DataException>().With.Message.Contains("delete it"));
    }

    private string File() => Path.Combine(_folder, "v_star.jsonl");

    private static RunConfig Config(params string[] arguments) =>
        Make.Config(["algorithm.name=a_star_po", "algorithm.a_star_po.num_gen_to_use=2", .. arguments]);
}
