using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Data.Trajectories;

namespace Tbrm.Data.Tests.Trajectories;

/// <summary>Rows of trajectories, whoever wrote them.</summary>
internal sealed class TrajectoryRowsTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-rows-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Every_fp32_number_comes_back_with_its_bits()
    {
        float[] numbers = [-0.1f, -1e-45f, float.MinValue, -0f, -16777217f, MathF.BitDecrement(-1), -3.4028232e38f,
            -1.17549435e-38f];
        JsonObject row = new()
        {
            ["prompt_ids"] = new JsonArray(1),
            ["response_ids"] = new JsonArray([.. numbers.Select((_, i) => (JsonNode)i)]),
            ["score"] = 1,
            ["logp"] = new JsonArray([.. numbers.Select(n => (JsonNode)n)])
        };
        float[] read = Read(row)[0].Logp;
        Assert.That(read.Select(BitConverter.SingleToInt32Bits),
            Is.EqualTo(numbers.Select(BitConverter.SingleToInt32Bits)));
    }

    [Test]
    public void Verls_dump_has_text_a_score_and_further_numbers()
    {
        StoredTrajectory row = Read(
            """{"input": "Q?", "output": "A.", "gts": "42", "score": -1.0, "step": 3, "acc": false, "format": 0.5, "pred": "41"}""")[0];
        Assert.That((row.PromptText, row.Response, row.Grade!.Score, row.Step, row.Grade.Extracted,
            row.GroundTruth!.Text), Is.EqualTo(("Q?", "A.", -1.0, 3L, "41", "42")));
        Assert.That(row.Grade.Numbers, Is.EqualTo(new Dictionary<string, double> { ["format"] = 0.5 }));
        Assert.That((row.PromptIds, row.Messages, row.End, row.Reference),
            Is.EqualTo(((int[]?)null, (object?)null, (TrajectoryEnd?)null, (ReferenceScores?)null)));
    }

    [Test]
    public void Answers_and_extra_info_are_read_as_in_rows_of_prompts()
    {
        StoredTrajectory row = Read(
            """{"prompt": "Q", "response": "A", "data_source": "aime24", "reward_model": {"ground_truth": ["033"]}, "extra_info": "{\"a\": 1}"}""")[0];
        Assert.That((row.GroundTruth!.Text, row.ExtraInfo!.ToJsonString()), Is.EqualTo(("33", """{"a":1}""")));
        Assert.That(() => Read(
            """{"prompt": "Q", "response": "A", "ground_truth": null, "score": 1, "images": ["x.png"]}"""),
            Throws.TypeOf<DataException>().With.Message.Contains("'images' holds"));
    }

    [Test]
    public void A_grader_that_failed_stays_a_failure()
    {
        StoredTrajectory row = Read(
            """{"prompt": "Q", "response": "A", "score": null, "status": "Timeout", "detail": "slow"}""")[0];
        Assert.That((row.Grade!.Status, row.Grade.IsFailure, row.Grade.Detail),
            Is.EqualTo((GradeStatus.Timeout, true, "slow")));
        Assert.That(Read("""{"prompt": "Q", "response": "A"}""")[0].Grade, Is.Null,
            "no reward at all: it will be graded");
    }

    [TestCase("eos", TrajectoryEnd.Stop)]
    [TestCase("Length", TrajectoryEnd.Length)]
    [TestCase("truncated", TrajectoryEnd.Length)]
    [TestCase("NonFinite", TrajectoryEnd.NonFinite)]
    public void Ends_have_the_words_of_several_engines(string word, TrajectoryEnd end) =>
        Assert.That(Read($$"""{"prompt": "Q", "response": "A", "reward": 0, "finish": "{{word}}"}""")[0].End,
            Is.EqualTo(end));

    [Test]
    public void Parquet_holds_the_same_rows()
    {
        JsonObject row = (JsonObject)JsonNode.Parse(
            """{"prompt": [{"role": "user", "content": "Q"}], "response_ids": [5, 6], "logp": [-0.5, -0.25], "ref_logp": [-1.5, -0.125], "ref_v1": 2.5, "reward": 1.0}""")!;
        string path = Path.Combine(_folder, "rows.parquet");
        SchemaInference schema = new();
        schema.Add(row);
        using (ParquetWriter writer = new(path, schema))
        {
            writer.Write(row);
            writer.Complete();
        }

        StoredTrajectory read = TrajectoryRows.Read(path, new PromptKeys()).Single();
        Assert.That(read.ResponseIds, Is.EqualTo(new[] { 5, 6 }));
        Assert.That(read.Logp, Is.EqualTo(new[] { -0.5f, -0.25f }));
        Assert.That((read.Reference!.V1, read.Reference.Logp[1], read.Messages![0].Content),
            Is.EqualTo((2.5f, -0.125f, "Q")));
    }

    [TestCase("""{"prompt": "Q", "response": "A", "reward": 1, "status": "fine"}""", "status")]
    [TestCase("""{"prompt": "Q", "response": "A", "reward": 1, "finish": "tired"}""", "finish")]
    [TestCase("""{"prompt": "Q", "ids": [1.5], "reward": 1}""", "ids")]
    [TestCase("""{"prompt": "Q", "ids": "1 2", "reward": 1}""", "ids")]
    [TestCase("""{"prompt": "Q", "response": "A", "reward": [1]}""", "reward")]
    [TestCase("""{"prompt": "Q", "response": "A", "reward": "NaN"}""", "reward")]
    public void A_value_of_another_kind_is_named_with_its_place(string line, string key) =>
        Assert.That(() => Read(line),
            Throws.TypeOf<DataException>().With.Message.Contains("rows.jsonl:1").And.Message.Contains(key));

    private StoredTrajectory[] Read(JsonObject row) => Read(row.ToJsonString());

    private StoredTrajectory[] Read(string line)
    {
        string path = Path.Combine(_folder, "rows.jsonl");
        File.WriteAllText(path, line + "\n");
        return [.. TrajectoryRows.Read(path, new PromptKeys())];
    }
}
