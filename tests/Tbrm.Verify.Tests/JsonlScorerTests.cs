using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

public sealed class JsonlScorerTests
{
    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-verify").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_row_with_several_right_answers_gets_the_best_grade()
    {
        string output = Score("""
            {"solution_str": "#### 5", "ground_truth": ["4", 5]}
            {"solution_str": "#### 6", "ground_truth": ["4", "5"]}
            {"solution_str": "#### 5", "ground_truth": 5.0}
            {"solution_str": "#### 5", "ground_truth": "[\"4\", \"5\"]"}
            {"solution_str": "#### 5", "ground_truth": [["5"]]}
            {"solution_str": "#### 7", "ground_truth": "7"}
            """);
        Assert.That(output, Is.EqualTo("""
            {"solution_str":"#### 5","ground_truth":["4",5],"score":1,"status":"ok","extracted":"5"}
            {"solution_str":"#### 6","ground_truth":["4","5"],"score":0,"status":"ok","extracted":"6"}
            {"solution_str":"#### 5","ground_truth":5.0,"score":1,"status":"ok","extracted":"5"}
            {"solution_str":"#### 5","ground_truth":"[\"4\", \"5\"]","score":1,"status":"ok","extracted":"5"}
            {"solution_str":"#### 5","ground_truth":[["5"]],"score":0,"status":"error","extracted":null}
            {"solution_str":"#### 7","ground_truth":"7","score":1,"status":"ok","extracted":"7"}

            """.ReplaceLineEndings("\n")));
    }

    [TestCase("""{"solution_str": "#### 5", "ground_truth": []}""", "empty list")]
    [TestCase("""{"solution_str": "#### 5", "ground_truth": ["5", null]}""", "found null")]
    public void Lists_of_anything_but_answers_are_refused(string row, string message)
    {
        Assert.That(() => Score(row),
            Throws.TypeOf<DataException>().With.Message.Contains(message).And.Message.Contains(":1:"));
    }

    [Test]
    public void Options_in_extra_info_count_also_where_it_was_written_as_text()
    {
        string output = Score("""
            {"solution_str": "it is 5", "ground_truth": "5", "extra_info": "{\"method\": \"flexible\"}"}
            {"solution_str": "it is 5", "ground_truth": "5", "extra_info": {"method": "flexible"}}
            {"solution_str": "it is 5", "ground_truth": "5", "extra_info": "flexible"}
            """);
        Assert.That(output.Split('\n').Select(line => line.Contains("\"score\":1", StringComparison.Ordinal)),
            Is.EqualTo(new[] { true, true, false, false }));
    }

    [Test]
    public void Rows_keep_their_order_and_fields_and_gain_three()
    {
        string output = Score("""
            {"solution_str": "#### 5", "ground_truth": "5", "id": 7, "text": "größer"}
            {"solution_str": "none", "ground_truth": "5"}
            {"solution_str": "the last is 5", "ground_truth": 5, "method": "flexible"}
            """);
        Assert.That(output, Is.EqualTo("""
            {"solution_str":"#### 5","ground_truth":"5","id":7,"text":"größer","score":1,"status":"ok","extracted":"5"}
            {"solution_str":"none","ground_truth":"5","score":0,"status":"no_answer","extracted":null}
            {"solution_str":"the last is 5","ground_truth":5,"method":"flexible","score":1,"status":"ok","extracted":"5"}

            """.ReplaceLineEndings("\n")));
    }

    [TestCase("{\"solution_str\": \"a\", \"ground_truth\": \"b\"}\n{oops", ":2:")]
    [TestCase("{\"solution_str\": \"a\", \"ground_truth\": \"b\", \"x\": 1, \"x\": 2}", "Duplicate property 'x'")]
    [TestCase("[1]", ":1:")]
    [TestCase("{\"solution_str\": \"a\"}", "ground_truth")]
    [TestCase("{\"solution_str\": \"a\", \"ground_truth\": null}", "found null")]
    [TestCase("{\"solution_str\": [], \"ground_truth\": \"b\"}", "solution_str")]
    public void A_malformed_row_is_named_and_leaves_no_output(string input, string named)
    {
        Assert.That(() => Score(input),
            Throws.TypeOf<DataException>().With.Message.Contains(named).And.Message.Contains("in.jsonl"));
        Assert.That(Directory.GetFiles(_folder), Is.EqualTo(new[] { Path.Combine(_folder, "in.jsonl") }));
    }

    [Test]
    public void A_lone_surrogate_is_read_as_the_replacement_character()
    {
        string output = Score("""
            {"solution_str": "\ud83d #### 5", "ground_truth": "5", "\udc00": "\ud83d\ude00 \\ud800"}
            """);
        Assert.That(output, Is.EqualTo("""
            {"solution_str":"� #### 5","ground_truth":"5","�":"\uD83D\uDE00 \\ud800","score":1,"status":"ok","extracted":"5"}

            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public void A_null_response_holds_no_answer() =>
        Assert.That(Score("""{"solution_str": null, "ground_truth": "5"}"""),
            Does.Contain("\"score\":0,\"status\":\"no_answer\""));

    [Test]
    public void A_missing_file_is_a_data_error() =>
        Assert.That(() => new JsonlScorer(new RewardManager(new Gsm8kGrader()))
            .Score(Path.Combine(_folder, "no"), Path.Combine(_folder, "out")), Throws.TypeOf<DataException>());

    private string Score(string input)
    {
        string from = Path.Combine(_folder, "in.jsonl");
        string to = Path.Combine(_folder, "out.jsonl");
        File.WriteAllText(from, input);
        new JsonlScorer(new RewardManager(new Gsm8kGrader(), TimeSpan.FromSeconds(60))).Score(from, to);
        return File.ReadAllText(to);
    }
}
