using System.CommandLine;
using System.IO;
using NUnit.Framework;
using Tbrm.Cli.Verbs;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Tests;

[TestFixture]
public sealed class TaskVerbTests
{
    private string _folder = "";

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("tbrm-task-").FullName;
    }

    [TearDown]
    public void TearDown()
    {
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void Generate_writes_a_json_line_for_each_item()
    {
        int exit = Run("generate", "chain_sum", "--seed", "42", "--size", "2", "min_terms=3", "max_terms=3", "--out",
            PathOf("items.jsonl"));
        Assert.That(exit, Is.Zero);
        Assert.That(File.ReadAllLines(PathOf("items.jsonl")), Is.EqualTo(new[]
        {
            """{"question": "State the final answer to the following arithmetic problem: 4 + 3 + 3 =", "answer": "10", "metadata": {"source_dataset": "chain_sum", "source_index": 0, "num_terms": 3, "num_digits": 1, "expression": "4 + 3 + 3", "difficulty": {"num_terms": [3, 3], "num_digits": [1, 4]}}}""",
            """{"question": "State the final answer to the following arithmetic problem: 812 - 880 - 247 =", "answer": "-315", "metadata": {"source_dataset": "chain_sum", "source_index": 1, "num_terms": 3, "num_digits": 3, "expression": "812 - 880 - 247", "difficulty": {"num_terms": [3, 3], "num_digits": [1, 4]}}}""",
        }));
    }

    [Test]
    public void Score_adds_the_score_to_each_row_and_keeps_the_rest()
    {
        File.WriteAllLines(PathOf("in.jsonl"),
        [
            """{"id": 7, "answer": "+010.0", "entry": {"question": "q", "answer": "10", "metadata": {}}}""",
            """{"answer": "it is 10", "entry": {"question": "q", "answer": "10", "metadata": {}}}""",
            """{"answer": null, "entry": {"question": "q", "answer": "10", "metadata": {}}}""",
        ]);
        Assert.That(Run("score", "chain_sum", "--in", PathOf("in.jsonl"), "--out", PathOf("out.jsonl")), Is.Zero);
        string[] lines = File.ReadAllLines(PathOf("out.jsonl"));
        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines[0], Is.EqualTo(
            """{"id": 7, "answer": "+010.0", "entry": {"question": "q", "answer": "10", "metadata": {}}, "score": 1.0}"""));
        Assert.That(lines[1], Does.EndWith("""}, "score": 0.25}"""));
        Assert.That(lines[2], Does.EndWith("""}, "score": 0.0}"""));
    }

    [TestCase("'chain_sum'", "generate", "chain_sun")]
    [TestCase("'min_terms'", "generate", "chain_sum", "min_term=2")]
    [TestCase("max_terms must be >= min_terms", "generate", "chain_sum", "min_terms=7")]
    [TestCase("min_terms: an integer", "generate", "chain_sum", "min_terms=two")]
    [TestCase("--seed: an integer", "generate", "chain_sum", "--seed", "x")]
    [TestCase("name=value", "score", "chain_sum", "3")]
    public void Bad_arguments_are_configuration_errors_that_say_what_to_mend(string mention, params string[] arguments)
    {
        ConfigException? error =
            Assert.Throws<ConfigException>(() => Run([.. arguments, "--out", PathOf("out.jsonl")]));
        Assert.That(error!.Message, Does.Contain(mention));
        Assert.That(Directory.GetFiles(_folder), Is.Empty);
    }

    [TestCase("""{"entry": {"answer": "1"}}""", "'answer'")]
    [TestCase("""{"answer": 3, "entry": {"answer": "1"}}""", "'answer'")]
    [TestCase("""{"answer": "3"}""", "'entry'")]
    [TestCase("""{"answer": "3", "entry": {"answer": 1}}""", "'entry.answer'")]
    [TestCase("""{"answer": "3", "entry": {"answer": "1", "metadata": []}}""", "'entry.metadata'")]
    [TestCase("""{"answer": "A", "entry": {"answer": "1", "metadata": {"target_value": "x"}}}""",
        "entry.metadata.buttons")]
    [TestCase("not json", "not valid JSON")]
    public void A_bad_row_is_a_data_error_that_names_its_line(string row, string mention)
    {
        File.WriteAllLines(PathOf("in.jsonl"), ["""{"answer": null, "entry": {"answer": "1"}}""", "", row]);
        DataException? error = Assert.Throws<DataException>(
            () => Run("score", "quantum_lock", "--in", PathOf("in.jsonl"), "--out", PathOf("out.jsonl")));
        Assert.That(error!.Message, Does.StartWith(PathOf("in.jsonl") + ":3: ").And.Contain(mention));
        Assert.That(File.Exists(PathOf("out.jsonl")), Is.False);
    }

    private static int Run(params string[] arguments)
    {
        return new TaskVerb().Create().Parse(arguments)
            .Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    private string PathOf(string name)
    {
        return Path.Combine(_folder, name);
    }
}
