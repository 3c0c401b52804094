using System;
using System.IO;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Training.Evaluation;

namespace Tbrm.Cli.Tests;

/// <summary>An evaluation's table keeps its headings and figures whole, also where the frame does not fit.</summary>
public sealed class EvaluationTableTests
{
    [TestCase(80, false)]
    [TestCase(200, true)]
    public void A_screen_too_narrow_for_the_frame_gets_a_row_for_each_figure(int width, bool isFramed)
    {
        using StringWriter output = new();
        EvaluationTable.Write(EvaluationReport.Of([
            new("openai/gsm8k", "p", 1, "4", GradeStatus.Ok, 12, null),
            new("openai/gsm8k", "q", 0, "5", GradeStatus.Ok, 12, null)]), output, true, width);
        string text = output.ToString();
        Assert.That(text.Contains('╭', StringComparison.Ordinal), Is.EqualTo(isFramed));
        if (!isFramed)
        {
            Assert.That(text, Does.Contain("problems").And.Contain("no answer").And.Contain("50.00"));
            Assert.That(text, Does.Not.Contain("…"));
            Assert.That(text.Split('\n'), Has.All.Length.LessThanOrEqualTo(width));
        }
    }
}
