using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Tests;

internal sealed class GroundTruthTests
{
    [TestCase("\"11\"", "11")]
    [TestCase("18.0", "18")]
    [TestCase("1e3", "1000")]
    [TestCase("0.5", "0.5")]
    [TestCase("9007199254740993.0", "9007199254740993")]
    [TestCase("9.007199254740993e15", "9.007199254740993e15")]
    [TestCase("-0.0", "0")]
    [TestCase("true", "true|True")]
    [TestCase("[\"11\", 12.0, false]", "11|12|false|False")]
    [TestCase("[\"11\", \"11\"]", "11")]
    [TestCase("[[\"11\"]]", "")]
    [TestCase("[{\"in\": 1}]", "")]
    [TestCase("{\"target\": \"11\"}", "")]
    [TestCase("\"[\\\"11\\\", \\\"12\\\"]\"", "11|12")]
    [TestCase("\"[11, 12]\"", "[11, 12]")]
    [TestCase("\"[\\\"11\\\"\"", "[\"11\"")]
    public void What_graders_of_texts_read(string json, string alternatives)
    {
        GroundTruth truth = GroundTruth.Of(JsonNode.Parse(json)!);

        Assert.That(string.Join('|', truth.Alternatives), Is.EqualTo(alternatives));
    }

    [TestCase("18.0")]
    [TestCase("[\"11\",12.50]")]
    [TestCase("{\"numbers\":[1,2],\"target\":3}")]
    [TestCase("\"[\\\"11\\\"]\"")]
    [TestCase("true")]
    public void The_value_of_the_file_is_kept_to_the_digit(string json)
    {
        GroundTruth truth = GroundTruth.Of(JsonNode.Parse(json)!);

        Assert.That(JsonNode.DeepEquals(truth.ToJson(), JsonNode.Parse(json)), Is.True);
        Assert.That(truth.ToJson().ToJsonString(), Is.EqualTo(JsonNode.Parse(json)!.ToJsonString()));
        Assert.That(GroundTruth.Of(JsonNode.Parse(json)!), Is.EqualTo(truth));
    }

    [Test]
    public void A_text_and_a_number_are_not_the_same()
    {
        Assert.That(GroundTruth.Of("18"), Is.Not.EqualTo(GroundTruth.Of(JsonNode.Parse("18")!)));
    }

    [TestCase("null", "found null")]
    [TestCase("[]", "empty list")]
    [TestCase("[\"1\", null]", "found null")]
    public void What_is_no_answer_is_refused_with_its_place(string json, string message)
    {
        Assert.That(() => GroundTruth.Read(JsonNode.Parse(json), "answer", "f.jsonl:3"),
            Throws.TypeOf<DataException>().With.Message.StartsWith("f.jsonl:3: \"answer\"").And.Message.Contains(
            message));
    }

    [Test]
    public void Every_grader_takes_each_element_of_a_list()
    {
        (string Grader, string Right, string Wrong)[] forms =
        [
            ("gsm8k", "#### 12", "#### 13"), ("math_dapo", "Answer: 12", "Answer: 13"),
                ("math_boxed", "\\boxed{12}", "\\boxed{13}"), ("math_verify", "\\boxed{12}", "\\boxed{13}"),
        ];
        GroundTruth truth = GroundTruth.Of(new JsonArray("11", "12"));
        foreach ((string grader, string right, string wrong) in forms)
        {
            IGrader created = new GraderRegistry().Create(grader);
            Assert.That(created.Grade(new("", right, truth), default).Score, Is.EqualTo(1), grader);
            Assert.That(created.Grade(new("", wrong, truth), default).Score, Is.LessThanOrEqualTo(0), grader);
        }
    }

    [Test]
    public void Of_several_right_answers_the_best_grade_counts_and_a_timeout_is_no_wrong_answer()
    {
        GradeRequest request = new("", "x", GroundTruth.Of(new JsonArray("a", "b", "c")));
        GradeResult Of(params GradeResult[] grades) => request.AgainstEach(answer => grades[answer[0] - 'a']);
        GradeResult wrong = new(-1, GradeStatus.Ok, "x"), error = new(0, GradeStatus.Error),
            timeout = new(0, GradeStatus.Timeout), right = new(1, GradeStatus.Ok, "x");

        Assert.That(Of(wrong, error, right), Is.EqualTo(right));
        Assert.That(Of(timeout, error, right), Is.EqualTo(right));
        Assert.That(Of(error, wrong, wrong), Is.EqualTo(wrong));
        Assert.That(Of(wrong, timeout, wrong), Is.EqualTo(timeout));
        Assert.That(Of(error, error, error), Is.EqualTo(error));
    }

    [Test]
    public void An_object_is_an_error_of_graders_that_compare_texts()
    {
        GroundTruth truth = GroundTruth.Of(JsonNode.Parse("{\"target\": 3}")!);
        GradeResult[] grades =
            [.. new[] { "gsm8k", "math_dapo", "math_boxed",
            "math_verify" }.Select(name => new GraderRegistry().Create(name)
            .Grade(new("", "#### 3 Answer: 3 \\boxed{3}", truth), default))];

        Assert.That(grades.Select(v => v.Status), Is.All.EqualTo(GradeStatus.Error));
    }
}
