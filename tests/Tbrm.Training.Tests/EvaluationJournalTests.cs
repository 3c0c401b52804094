using System.IO;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Training.Evaluation;

namespace Tbrm.Training.Tests;

/// <summary>What a killed evaluation left is read again, whatever state its last line is in.</summary>
public sealed class EvaluationJournalTests
{
    private string _folder = "";

    private string Path => System.IO.Path.Combine(_folder, "rows.partial");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("")]
    [TestCase("\n\n")]
    [TestCase("{\"set\":\"a\",\"id\":3,\"end\":\"Stop\",\"ids\":[1")]
    public void What_was_whole_is_known_again_and_more_can_be_added(string left)
    {
        using (EvaluationJournal journal = Open())
        {
            journal.Add("a", Drawn(1, 5, 6));
            journal.Add("a", Drawn(2));
        }

        File.AppendAllText(Path, left);
        for (int opened = 0; opened < 2; opened++)
        {
            using EvaluationJournal journal = Open();
            Assert.That(journal.Known, Is.EqualTo(2 + opened));
            Assert.That(journal.Find("a", new([], [], 0), 1)!.ResponseIds, Is.EqualTo(new[] { 5, 6 }));
            Assert.That(journal.Find("b", new([], [], 0), 1), Is.Null);
            journal.Add("a", Drawn(3 + opened, 7));
        }
    }

    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("{\"set\":\"a\",\"id\":3,\"end\":\"Stop\"}")]
    [TestCase("{\"set\":\"a\",\"id\":3,\"end\":\"Stop\",\"ids\":null}")]
    [TestCase("{\"set\":\"a\",\"id\":3,\"end\":\"Never\",\"ids\":[1]}")]
    [TestCase("{\"set\":\"a\",\"id\":3,\"end\":\"Stop\",\"ids\":[1.5]}")]
    public void A_line_that_is_no_response_is_named(string line)
    {
        Open().Dispose();
        File.AppendAllText(Path, line + "\n");
        Assert.That(() => Open().Dispose(), Throws.TypeOf<DataException>().With.Message.Contains("rows.partial:2"));
    }

    [Test]
    public void A_file_of_something_else_is_refused_and_left_as_it_is()
    {
        File.WriteAllText(Path, "a user's notes\nwithout a last line end");
        Assert.That(() => Open().Dispose(), Throws.TypeOf<DataException>().With.Message.Contains("another evaluation"));
        Assert.That(File.ReadAllText(Path), Is.EqualTo("a user's notes\nwithout a last line end"));
    }

    private EvaluationJournal Open() => EvaluationJournal.Open(Path, new JsonObject { ["seed"] = 1 });

    private static Trajectory Drawn(long id, params int[] ids) =>
        new()
        {
            Id = id,
            Group = 0,
            PromptIds = [],
            ResponseIds = ids,
            Logp = [],
            ProcessedLogp = [],
            End = TrajectoryEnd.Stop
        };
}
