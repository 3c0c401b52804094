using System.Collections.Generic;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests.Config;

/// <summary>reward.grader_options: words, numbers, lists and maps, from the command line and from files, written as
/// they are read.</summary>
public sealed class GraderOptionsTests
{
    [TestCase("{method: flexible}", "method", "\"flexible\"")]
    [TestCase("{command: [python3, grade.py]}", "command", """["python3","grade.py"]""")]
    [TestCase("{command: ['sh', '-c', 'cat; echo 1'], processes: 2}", "command", """["sh","-c","cat; echo 1"]""")]
    [TestCase("{processes: 2, command: [a]}", "processes", "2")]
    [TestCase("{shaping: [{term: overlong, max_resp_len: 3072, len: 512}]}", "shaping",
        """[{"term":"overlong","max_resp_len":3072,"len":512}]""")]
    [TestCase("""{shaping: '[{"term": "length"}]'}""", "shaping", """[{"term":"length"}]""")]
    [TestCase("{hardened: false}", "hardened", "false")]
    [TestCase("{bonus: 2.5}", "bonus", "2.5")]
    [TestCase("{nested: {a: [1, {b: null}], c: true}}", "nested", """{"a":[1,{"b":null}],"c":true}""")]
    public void A_value_of_any_kind_reaches_the_grader(string value, string key, string json)
    {
        RunConfig fromCommandLine = ConfigLoader.Load([], [$"reward.grader_options={value}"]);
        RunConfig fromFile = ConfigLoader.FromYaml($"reward:\n  grader_options: {value}\n", "config.yaml");
        foreach (RunConfig config in (
            RunConfig[])[fromCommandLine, fromFile,
            ConfigLoader.FromYaml(ConfigWriter.ToYaml(fromFile), "resolved.yaml")])
        {
            string text = config.Reward.GraderOptions[key];
            JsonNode? read = text is ['[' or '{' or (>= '0' and <= '9') or 'f', ..] && text != "flexible"
                ? JsonNode.Parse(text) : text;
            Assert.That(read!.ToJsonString(
                new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }),
                Is.EqualTo(json));
        }
    }

    [Test]
    public void Options_in_blocks_of_a_file_are_the_same()
    {
        const string Yaml =
            "reward:\n  grader: command\n  grader_options:\n    command:\n      - python3\n      - grade.py\n    "
                + "timeout: 30\n";
        IReadOnlyDictionary<string, string> options = ConfigLoader.FromYaml(Yaml, "config.yaml").Reward.GraderOptions;
        Assert.That(options, Is.EquivalentTo(
            new Dictionary<string, string> { ["command"] = """["python3","grade.py"]""", ["timeout"] = "30" }));
    }

    [Test]
    public void One_option_is_set_by_its_path()
    {
        RunConfig config = ConfigLoader.Load(
            [], ["reward.grader_options={processes: 2}", "reward.grader_options.command=[python3, grade.py]"]);
        Assert.That(config.Reward.GraderOptions, Is.EquivalentTo(
            new Dictionary<string, string> { ["processes"] = "2", ["command"] = """["python3","grade.py"]""" }));
    }

    [TestCase("reward.graders={mine: {a: b}}", "reward.graders.mine")]
    [TestCase("reward.grader_options={method: [strict]}", "'method'")]
    [TestCase("reward.grader_options={shaping: {term: format}}", "'shaping'")]
    public void A_value_of_the_wrong_kind_is_named_by_its_inner_key(string argument, string expected)
    {
        RewardConfig reward = ConfigLoader.Load([], [argument]).Reward;
        Assert.That(() => new RunGrader(reward, null),
            Throws.TypeOf<ConfigException>().With.Message.Contains(expected));
    }
}
