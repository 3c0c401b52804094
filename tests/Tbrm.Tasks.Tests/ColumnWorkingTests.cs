using NUnit.Framework;

namespace Tbrm.Tasks.Tests;

/// <summary>The working that a warm start shows.</summary>
public sealed class ColumnWorkingTests
{
    [TestCase("4 + 3", "4,7")]
    [TestCase("12 + 34 - 50", "2,6,6;1,4,-1")]
    [TestCase("5 - 123", "5,2;0,-2;0,-1")]
    [TestCase("-7 - -12", "-7,-5;0,1")]
    public void A_column_is_summed_term_by_term_ones_first(string expression, string working)
    {
        Assert.That(ColumnWorking.Of(expression), Is.EqualTo(working));
    }

    /// <summary>The last number of every column, weighted by its place, is the answer: the working leads to what the
    /// scorer accepts.</summary>
    [Test]
    public void The_last_totals_are_the_answer()
    {
        ChainSumTask task = new(
            new() { Seed = 5, MinTerms = 1, MaxTerms = 6, MinDigits = 1, MaxDigits = 6, AllowNegation = true });
        for (long i = 0; i < 500; i++)
        {
            TaskItem item = task.Generate(i);
            long total = 0;
            long weight = 1;
            foreach (string column in task.Work(item).Split(';'))
            {
                total += weight * long.Parse(column.Split(',')[^1], System.Globalization.CultureInfo.InvariantCulture);
                weight *= 10;
            }

            Assert.That(task.Score(total.ToString(System.Globalization.CultureInfo.InvariantCulture), item),
                Is.EqualTo(1), item.Question);
        }
    }
}
