using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Training.Evaluation;

namespace Tbrm.Training.Tests.Evaluation;

public sealed class EvaluationRowTests
{
    private string _path = "";

    [SetUp]
    public void NameFile() => _path = Path.GetTempFileName();

    [TearDown]
    public void DeleteFile() => File.Delete(_path);

    [Test]
    public void Where_a_row_says_that_the_answer_is_right_the_score_does_not()
    {
        IReadOnlyList<ResponseScore> rows = Read(
            """{"input": "q", "score": 0.5, "acc": true, "pred": "5"}""",
            """{"input": "q", "score": 1.2, "acc": false}""",
            """{"input": "q", "score": 1, "acc": 0.25}""",
            """{"input": "q", "score": -1}""");
        Assert.That(rows.Select(r => r.Accuracy), Is.EqualTo(new[] { 1, 0, 0.25, 0 }));
        Assert.That(rows.Select(r => r.Score), Is.EqualTo(new[] { 0.5, 1.2, 1, -1 }));
        Assert.That(rows.Select(r => r.Solved), Is.EqualTo(new[] { true, false, false, false }));
    }

    [Test]
    public void Rows_of_the_score_verb_and_text_indices_are_read()
    {
        IReadOnlyList<ResponseScore> rows = Read(
            """{"index": "9a1f-uuid", "score": 0, "status": "no_answer", "extracted": null}""",
            """{"index": 3, "score": 1, "status": "ok", "extracted": "5"}""");
        Assert.That(rows.Select(r => r.Problem), Is.EqualTo(new[] { "9a1f-uuid", "3" }));
        Assert.That(rows.Select(r => r.Status), Is.EqualTo(new[] { GradeStatus.NoAnswer, GradeStatus.Ok }));
    }

    [TestCase("""{"input": "q", "score": 1, "acc": "yes"}""", "'acc'")]
    [TestCase("""{"input": "q", "score": 1, "status": "fine"}""", "'status'")]
    public void A_field_of_another_kind_is_named(string row, string named) =>
        Assert.That(() => Read(row),
            Throws.TypeOf<DataException>().With.Message.Contains(_path + ":1").And.Message.Contains(named));

    private IReadOnlyList<ResponseScore> Read(params string[] rows)
    {
        File.WriteAllLines(_path, rows);
        return EvaluationRow.Read(_path);
    }
}
