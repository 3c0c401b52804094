using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;

namespace Tbrm.Data.Tests.Prompts;

internal sealed class BenchmarkShapesTests
{
    [TestCase("""{"id":60,"problem":"p","solution":"\\boxed{1}","answer":"025","url":"u","question":"p"}""",
        "aime24.jsonl", "aime24", "25")]
    [TestCase("""{"id":60,"problem":"p","answer":"000"}""", "data/AIME_2024/test.jsonl", "aime24", "0")]
    [TestCase("""{"problem":"p","answer":104,"id":"0"}""", "aime25.jsonl", "aime25", "104")]
    [TestCase("""{"id":1,"problem":"p","answer":27.0,"url":"u","question":"p"}""", "amc23.jsonl", "amc23", "27")]
    [TestCase("""{"id":1,"problem":"p","answer":-1.0}""", "amc23.jsonl", "amc23", "-1")]
    [TestCase("""{"id":1,"problem":"p","answer":0.25}""", "amc23.jsonl", "amc23", "0.25")]
    [TestCase(
        """{"problem":"p","solution":"s","answer":"\\frac{3}{4}","subject":"Algebra","level":2,"unique_id":"x"}""",
        "math500.jsonl", "math500", "\\frac{3}{4}")]
    [TestCase(
        """{"problem":"p","solution":"\\boxed{1} then $\\boxed{\\frac{a}{b}} \\mathrm{~cm}$","type":"t","idx":0}""",
        "minerva_math.jsonl", "minerva_math", "\\frac{a}{b}")]
    [TestCase(
        """{"id":1,"question":"q","solution":["s"],"final_answer":["$2$"],"is_multiple_answer":false,"error":null}""",
        "olympiadbench.jsonl", "olympiadbench", "2")]
    [TestCase("""{"id":1,"question":"q","final_answer":["$x=1$,$y=2$"]}""", "olympiadbench.jsonl", "olympiadbench",
        "x=1$,$y=2")]
    [TestCase("""{"id":1,"question":"q","final_answer":["$1$","$2$"]}""", "olympiadbench.jsonl", "olympiadbench",
        "1, 2")]
    [TestCase("""{"question":"q","answer":"so 1,000+2\n#### 1,002","idx":3}""", "test.jsonl", "gsm8k", "1002")]
    [TestCase("""{"question":"q","answer":"7"}""", "rows.jsonl", "math", "7")]
    [TestCase("""{"prompt":"p","solution":"34"}""", "DAPO-Math-17k-Processed.jsonl", "math_dapo", "34")]
    [TestCase("""{"ID":"2024-I-1","Problem":"p","Solution":"s","Answer":204}""", "aime_2024_problems.jsonl", "aime24",
        "204")]
    public void A_benchmark_s_row_gives_its_answer_and_its_name(string row, string path, string dataSource,
        string answer)
    {
        Prompt prompt = Map(row, path)!;

        Assert.That((prompt.DataSource, prompt.GroundTruth.Text), Is.EqualTo((dataSource, answer)));
        Assert.That(prompt.Messages, Has.Count.EqualTo(1));
        Assert.That(prompt.Messages[0],
            Is.EqualTo(new ChatMessage("user", (row.Contains("\"q\"", System.StringComparison.Ordinal) ? "q" : "p")
            + (row.Contains("####", System.StringComparison.Ordinal)
                ? " Let's think step by step and output the final answer after \"####\"." : ""))));
    }

    [Test]
    public void What_a_grader_may_need_stays_and_the_solution_goes()
    {
        Prompt prompt = Map(
            """{"id":2592,"question":"q","context":null,"solution":["s"],"final_answer":["4.2"],"unit":"%","answer_type":"Numerical","error":"1e-1"}""",
            "olympiadbench.jsonl")!;

        Assert.That(prompt.ExtraInfo!.ToJsonString(),
            Is.EqualTo("""{"id":2592,"unit":"%","answer_type":"Numerical","error":"1e-1"}"""));
    }

    [Test]
    public void A_context_stands_before_its_question()
    {
        Prompt prompt = Map("""{"question":"How many?","context":"Given sets.","final_answer":["4"]}""",
            "olympiadbench.jsonl")!;

        Assert.That(prompt.Messages[0].Content, Is.EqualTo("Given sets.\nHow many?"));
    }

    [Test]
    public void Commands_that_lost_their_backslash_are_restored()
    {
        Prompt prompt = Map(
            """{"problem":"Let $\triangle ABC$ and $\frac{1}{2}$, \binom{5}{2}, 3\times 4,\tnext","answer":1}""",
                "aime25.jsonl")!;

        Assert.That(prompt.Messages[0].Content,
            Is.EqualTo("Let $\\triangle ABC$ and $\\frac{1}{2}$, \\binom{5}{2}, 3\\times 4,\tnext"));
    }

    [TestCase("""{"text":"p"}""")]
    [TestCase("""{"problem":"p","solution":"no box"}""")]
    [TestCase("""{"problem":"p","answer":null}""")]
    public void A_row_of_no_known_shape_is_not_guessed_at(string row)
    {
        Assert.That(Map(row, "rows.jsonl"), Is.Null);
    }

    [TestCase("a \\boxed{1} b \\boxed{\\frac{1}{\\sqrt{2}}}.", "\\frac{1}{\\sqrt{2}}")]
    [TestCase("\\boxed {7}", "7")]
    [TestCase("\\fbox{x}", "x")]
    [TestCase("\\boxed{\\{1,2\\}}", "\\{1,2\\}")]
    [TestCase("$\\boxed 2$", "2")]
    [TestCase("\\boxed{3} and \\boxed{4", "3")]
    [TestCase("} \\boxed{5} }", "5")]
    [TestCase("\\boxed{a \\boxed{b}}", "b")]
    [TestCase("\\boxedtimes{9}", null)]
    [TestCase("\\boxed", null)]
    [TestCase("", null)]
    public void The_last_box_is_the_one_that_begins_last_and_is_closed(string solution, string? expected)
    {
        Assert.That(LastBoxed.Find(solution), Is.EqualTo(expected));
    }

    private static Prompt? Map(string row, string path)
    {
        return BenchmarkShapes.TryMap(new((JsonObject)JsonNode.Parse(row)!, path), new(), path, index: 0);
    }
}
