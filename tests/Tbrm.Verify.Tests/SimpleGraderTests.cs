using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Tests;

public sealed class SimpleGraderTests
{
    private static GradeResult Grade(string grader, string solution, string gold, string options = "{}") =>
        new GraderRegistry().Create(grader, JsonNode.Parse(options)!.AsObject())
            .Grade(new GradeRequest("", solution, gold), default);

    [TestCase("so 2+2 is\n#### 1,234", "1234", "{}", 1)]
    [TestCase("#### 5\n#### 7", "7", "{}", 1)]
    [TestCase("#### 5\n#### 7", "5", "{}", 0)]
    [TestCase("the answer is 7", "7", "{}", 0)]
    [TestCase("the answer is 7.", "7.", """{"method":"flexible"}""", 1)]
    [TestCase("7 apples, 8 pears .", "8", """{"method":"flexible"}""", 1)]
    [TestCase("#### 8", "7", """{"format_score":0.1}""", 0.1)]
    public void Gsm8k_reads_the_marked_number(string solution, string gold, string options, double expected) =>
        Assert.That(Grade("gsm8k", solution, gold, options).Score, Is.EqualTo(expected));

    [Test]
    public void Gsm8k_looks_at_the_last_300_characters_only_when_it_is_verls_to_the_letter()
    {
        string solution = "#### 7" + new string('x', 295);
        Assert.That(Grade("gsm8k", solution, "7", """{"exact":true}""").Status, Is.EqualTo(GradeStatus.NoAnswer));
        Assert.That(Grade("gsm8k", solution, "7").Score, Is.EqualTo(1));
    }

    [TestCase("gsm8k", "#### $200,000.", "200000")]
    [TestCase("gsm8k", "#### 72.", "72")]
    [TestCase("gsm8k", "#### 18.00", "18")]
    [TestCase("gsm8k", "#### **18**", "18")]
    [TestCase("gsm8k", "#### -5", "-5")]
    [TestCase("gsm8k", "####5", "5")]
    [TestCase("gsm8k", "#### 0.50", ".5")]
    [TestCase("gsm8k", @"#### \$1,080 dollars", "1080")]
    [TestCase("gsm8k", "The total is 72 clips, altogether.", "72", "flexible")]
    [TestCase("gsm8k", "So it is worth $200,000.", "200000", "flexible")]
    [TestCase("gsm8k", "It costs -$5.", "-5", "flexible")]
    [TestCase("math_dapo", "Answer: 72.", "72")]
    [TestCase("math_dapo", "Answer: 18.00", "18")]
    [TestCase("math_dapo", "Answer: $200,000.", "200000")]
    [TestCase("math_boxed", @"\boxed{18.00}", "18")]
    [TestCase("math_boxed", @"\boxed{\$200,000}", "200000")]
    [TestCase("math_boxed", @"\boxed{72.}", "72")]
    public void A_number_is_read_as_people_write_it_unless_the_rule_is_exact(string grader, string solution,
        string gold, string method = "strict")
    {
        Assert.That(Grade(grader, solution, gold, $$"""{"method":"{{method}}"}""").Score, Is.EqualTo(1));
        Assert.That(Grade(grader, solution, gold + "1", $$"""{"method":"{{method}}"}""").Score,
            Is.LessThanOrEqualTo(0));
    }

    [TestCase("gsm8k", "#### $200,000.", "200000")]
    [TestCase("gsm8k", "#### 72.", "72")]
    [TestCase("gsm8k", "#### 18.00", "18")]
    [TestCase("math_dapo", "Answer: 18.00", "18")]
    [TestCase("math_boxed", @"\boxed{18.00}", "18")]
    public void An_exact_rule_compares_as_verl_does(string grader, string solution, string gold) =>
        Assert.That(Grade(grader, solution, gold, """{"exact":true}""").Score, Is.LessThanOrEqualTo(0));

    [TestCase("<think>6*7</think><answer>42</answer>", "42", 1)]
    [TestCase("<think>it is 7</think>\n<answer> 42 </answer>", "42", 1)]
    [TestCase("<think>it is 42</think>\n<answer>7</answer>", "42", 0)]
    [TestCase(@"<answer>\frac{1}{2}</answer>", "0.5", 1)]
    [TestCase(@"<answer>x^2+2x+1</answer>", "(x+1)^2", 1)]
    [TestCase("<answer>The answer is 42.</answer>", "42", 1)]
    [TestCase(@"<answer>The answer is $\frac12$.</answer>", "0.5", 1)]
    [TestCase(@"<answer>3 \text{ cm}</answer>", "3", 1)]
    [TestCase(@"<answer>The answer is \boxed{42}</answer>", "42", 1)]
    [TestCase(@"So \boxed{42}. <answer>done</answer>", "42", 1)]
    [TestCase("<answer>41</answer> or <answer>42</answer>", "42", 1)]
    [TestCase("<answer>42</answer> or <answer>41</answer>", "42", 0)]
    [TestCase("<answer></answer> The answer is $42$.", "42", 1)]
    public void Math_verify_reads_a_bare_answer_in_tags_when_hardened(string solution, string gold, double expected)
    {
        Assert.That(Grade("math_verify", solution, gold, """{"hardened":true}""").Score, Is.EqualTo(expected));
        Assert.That(Grade("math_verify", solution, gold, """{"answer_tags":true}""").Score, Is.EqualTo(expected));
    }

    [Test]
    public void Math_verify_leaves_tags_alone_as_the_reference_does_unless_asked()
    {
        const string Solution = "<think>6*7</think><answer>42</answer>";
        Assert.That(Grade("math_verify", Solution, "42").Score, Is.EqualTo(0));
        Assert.That(new GraderRegistry().CreateForTraining("math_verify")
            .Grade(new GradeRequest("", Solution, "42"), default).Score, Is.EqualTo(1));
        Assert.That(Grade("math_verify", Solution, "42", """{"hardened":true,"answer_tags":false}""").Score,
            Is.EqualTo(0));
    }

    [Test]
    public void Last_characters_are_counted_as_code_points()
    {
        string wide = string.Concat(Enumerable.Repeat("\U0001D7D9", 90));
        Assert.That(Grade("gsm8k", "#### 7 " + wide + wide + wide, "7").Score, Is.EqualTo(1));
        Assert.That(Grade("math_dapo", "Answer: 7\n" + wide + wide + wide, "7").Score, Is.EqualTo(1));
        Assert.That(Grade("math_dapo", @"\boxed{7}" + wide, "7", """{"strict_box_verify":true}""").Score,
            Is.EqualTo(1));
    }

    // Pairs from verl 1dda039's math_dapo.compute_score.
    [TestCase("Answer: \x1c\\;9", "9", 1)]
    [TestCase("An\u017Fwer: 9", "9", 1)]
    [TestCase("Answer: \\sqrt\U0001D7D9", "\\sqrt{\U0001D7D9}", 1)]
    [TestCase("Answer: \\frac\U0001D7D92", "\\frac{\U0001D7D9}{2}", 1)]
    [TestCase("Answer: \u00b2,\u00b2", "\u00b2\u00b2", 1)]
    [TestCase("Answer: 34", "34", 1)]
    [TestCase("Answer: $34$", "34", 1)]
    [TestCase("Answer: 1,234", "1234", 1)]
    [TestCase(@"answer : $x = \frac12$", @"\frac{1}{2}", 1)]
    [TestCase("Answer: 33\nAnswer: 34", "33", -1)]
    [TestCase(@"\boxed{34}", "34", -1)]
    [TestCase(@"Answer: \boxed{34}", "34", 1)]
    public void Math_dapo_reads_the_answer_line(string solution, string gold, double expected) =>
        Assert.That(Grade("math_dapo", solution, gold).Score, Is.EqualTo(expected));

    [Test]
    public void Math_dapo_can_insist_on_a_box_at_the_end()
    {
        Assert.That(Grade("math_dapo", @"\boxed{34}", "34", """{"strict_box_verify":true}""").Score, Is.EqualTo(1));
        Assert.That(Grade("math_dapo", @"\boxed{34}" + new string(' ', 100), "34", """{"strict_box_verify":true}""")
            .Score, Is.EqualTo(-1));
    }

    [TestCase(@"so \boxed{\dfrac{1}{2}}", @"\frac12", 1)]
    [TestCase(@"so \boxed{0.5}", "1/2", 1)]
    [TestCase(@"so \boxed{x=5}", "5", 1)]
    [TestCase(@"so \boxed 7$ and", "7", 1)]
    [TestCase(@"so \boxed{10\%}", "10", 1)]
    [TestCase(@"so \boxed{(1,2)}", "(2,1)", 0)]
    [TestCase(@"so \boxed{5\tfrac}", @"5\dfrac", 0)]
    [TestCase("so \\boxed{\\sqrt\U0001D7D9}", "\\sqrt{\U0001D7D9}", 1)]
    [TestCase("so 5", "5", 0)]
    public void Math_boxed_compares_normalized_text(string solution, string gold, double expected) =>
        Assert.That(Grade("math_boxed", solution, gold).Score, Is.EqualTo(expected));

    [Test]
    public void An_unknown_grader_is_refused_with_the_nearest_name() =>
        Assert.That(() => new GraderRegistry().Create("math_verfy"),
            Throws.TypeOf<ConfigException>().With.Message.Contains("'math_verify'"));

    [Test]
    public void A_wrong_option_is_refused_with_what_was_expected() =>
        Assert.That(
            () => new GraderRegistry().Create("math_verify", new JsonObject { ["profile"] = "verll" }),
            Throws.TypeOf<ConfigException>().With.Message.Contains("verl, tests, trl, lighteval"));

    [Test]
    public void An_option_that_no_grader_has_is_named_with_the_nearest()
    {
        JsonObject options = new() { ["hardend"] = true };
        Assert.That(
            () => GraderRegistry.CheckOptions(["math_verify"], options),
            Throws.TypeOf<ConfigException>().With.Message.EqualTo(
                "no grader has an option 'hardend'; did you mean 'hardened'?"));
        Assert.That(() =>
            GraderRegistry.CheckOptions(["gsm8k", "math_verify"], new() { ["method"] = "strict", ["strict"] = true }),
            Throws.Nothing);

        // A program's and a class's options are their own.
        Assert.That(() => GraderRegistry.CheckOptions(["command"], options), Throws.Nothing);
        options["map"] = new JsonObject { ["mine"] = "assembly" };
        Assert.That(() => GraderRegistry.CheckOptions(["data_source"], options), Throws.Nothing);
    }
}
