using System.Collections.Generic;
using System.IO;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Tasks.Python;
using Tbrm.Testing;

namespace Tbrm.Tasks.Tests;

/// <summary>
/// Items against those of the Python package (reasoning-gym at 49b0713, CPython 3.11): <c>items.jsonl</c> has a line
/// for each run of
/// items with the SHA-256 of what <c>json.dumps</c> prints for them, one a line; some lines carry the items themselves.
/// </summary>
[TestFixture]
public sealed class GoldenItemsTests
{
    public static IEnumerable<TestCaseData> Runs()
    {
        foreach (string line in File.ReadLines(
            Repository.PathOf("tests", "Tbrm.Tasks.Tests", "Golden", "items.jsonl")))
        {
            JsonObject run = (JsonObject)JsonNode.Parse(line)!;
            yield return new TestCaseData(run)
                .SetArgDisplayNames((string)run["task"]!, run["seed"]!.ToJsonString(), run["params"]!.ToJsonString());
        }
    }

    [TestCaseSource(nameof(Runs))]
    public void Items_are_the_packages_byte_for_byte(JsonObject run)
    {
        JsonObject parameters = (JsonObject)run["params"]!;
        BigInteger seed = BigInteger.Parse(
            run["seed"]!.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);
        int count = (int)run["count"]!;
        IReasoningTask task = TaskRegistry.Create((string)run["task"]!, seed, count, parameters);
        StringBuilder lines = new();
        for (int i = 0; i < count; i++)
        {
            string line = LineOf(task, i);
            if (run["items"] is JsonArray items && i < items.Count)
            {
                Assert.That(line, Is.EqualTo((string)items[i]!), $"item {i}");
            }

            lines.Append(line).Append('\n');
        }

        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString()));
        Assert.That(System.Convert.ToHexStringLower(hash), Is.EqualTo((string)run["sha256"]!));
    }

    /// <summary>The item's JSON; <c>raises</c> where there is none.</summary>
    private static string LineOf(IReasoningTask task, int index)
    {
        try
        {
            return PythonJson.Write(TaskJson.ItemOf(task.Generate(index)));
        }
        catch (TaskItemException)
        {
            return "raises";
        }
    }
}
