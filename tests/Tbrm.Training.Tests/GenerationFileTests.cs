using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests;

/// <summary>The end tokens that generation_config.json and config.json name.</summary>
public sealed class GenerationFileTests
{
    [TestCase("{}", new int[0])]
    [TestCase("""{"eos_token_id": null}""", new int[0])]
    [TestCase("""{"eos_token_id": 3}""", new[] { 3 })]
    [TestCase("""{"eos_token_id": [128001, 128008, 128009]}""", new[] { 128001, 128008, 128009 })]
    public void End_ids_are_none_one_or_several(string config, int[] expected) =>
        Assert.That(GenerationFile.EndIds((JsonObject)JsonNode.Parse(config)!, "here"), Is.EqualTo(expected));

    [TestCase("\"3\"")]
    [TestCase("[1, null]")]
    [TestCase("1.5")]
    [TestCase("-1")]
    [TestCase("99999999999")]
    [TestCase("{}")]
    [TestCase("true")]
    public void What_is_no_id_is_named_with_the_file(string value) =>
        Assert.That(() => GenerationFile.EndIds((JsonObject)JsonNode.Parse($$"""{"eos_token_id": {{value}}}""")!,
            "generation_config.json"),
            Throws.TypeOf<DataException>().With.Message.StartsWith("generation_config.json").And.Message.Contains(
                "eos_token_id"));
}
