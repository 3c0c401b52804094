using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Tasks;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests;

/// <summary>What a supervised step shows as the response.</summary>
public sealed class DemonstrationTests
{
    private static RunConfig Config(double share, string form) =>
        new() { Sft = new() { WorkedShare = share }, Reward = new() { AnswerForm = form } };

    [Test]
    public void Text_form_shows_the_bare_answer()
    {
        IReasoningTask task = TaskRegistry.Create("chain_sum");
        Prompt prompt = TaskPrompts.At(task, 3);
        Assert.That(new Demonstrations(Config(0, "text"), task).Of(prompt), Is.EqualTo(prompt.GroundTruth.Text));
    }

    [Test]
    public void The_worked_share_is_kept_and_every_demonstration_is_accepted_by_the_grader()
    {
        IReasoningTask task = TaskRegistry.Create("chain_sum");
        Demonstrations demonstrations = new(Config(0.45, "tags"), task);
        TaskGrader grader = new(AnswerForm.AnswerTag, task);
        const int n = 4000;
        int worked = 0;
        foreach (Prompt prompt in TaskPrompts.Range(task, 0, n))
        {
            string text = demonstrations.Of(prompt);
            worked += text.StartsWith("<think>", System.StringComparison.Ordinal) ? 1 : 0;
            Assert.That(demonstrations.Of(prompt), Is.EqualTo(text), "the same prompt is shown in the same way");
            Assert.That(grader.Grade(new(prompt.DataSource, text, prompt.GroundTruth, prompt.ExtraInfo), default).Score,
                Is.EqualTo(1), text);
        }

        // Five standard deviations of a binomial share: 5 * sqrt(0.45 * 0.55 / 4000) = 0.04.
        Assert.That(worked / (double)n, Is.EqualTo(0.45).Within(0.04));
    }

    [TestCase("chain_sum", "text", "reward.answer_form=tags")]
    [TestCase("gcd", "tags", "task gcd has no worked solutions")]
    public void Working_that_cannot_be_shown_is_refused(string name, string form, string message)
    {
        Assert.That(() => new Demonstrations(Config(0.5, form), TaskRegistry.Create(name)),
            Throws.TypeOf<ConfigException>().With.Message.Contains(message));
    }
}
