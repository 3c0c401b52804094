using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>Native sources include what lies below them: kernels know no device, a device no model, a model no
/// stage.</summary>
public sealed partial class NativeIncludeTests
{
    private const int Core = 0, Products = 1, StageKernels = 2, Device = 3, Model = 4, Decoder = 5,
        Engine = 6, Exports = 7;

    /// <summary>Kernels that stand in a stage's folder, beside what drives them: the beginning of their
    /// names.</summary>
    private static readonly Dictionary<string, string> s_kernels = new()
    {
        ["logprob"] = "head",
        ["value"] = "value",
        ["residual"] = "residual",
        ["optimizer"] = "adamw",
        ["rollout"] = "sampler",
    };

    /// <summary>Owners that must see what they own in order to destroy it; their headers declare it only.</summary>
    private static readonly (string File, string Include)[] s_owners =
    [
        ("core/context.cpp", "device/device.hpp"),
        ("model/model.cpp", "gradient/training_pass.hpp"),
    ];

    private static string Root => Testing.Repository.PathOf("native", "src");

    [Test]
    public void No_file_includes_what_lies_above_it()
    {
        List<string> upward = [];
        foreach ((string file, string include) in Includes())
        {
            if (Floor(include) > Floor(file) && !s_owners.Contains((file, include)))
            {
                upward.Add($"{file} (floor {Floor(file)}) includes {include} (floor {Floor(include)})");
            }
        }

        Assert.That(upward, Is.Empty);
    }

    [Test]
    public void Every_exception_is_needed() => Assert.That(s_owners, Is.SubsetOf(Includes()));

    [TestCase("ops/rope.hpp", Products)]
    [TestCase("rollout/sampler_cpu.cpp", StageKernels)]
    [TestCase("rollout/scheduler.cpp", Engine)]
    [TestCase("value/value_api.cpp", Exports)]
    public void A_file_is_on_the_floor_of_its_folder_or_of_its_kind(string file, int floor) =>
        Assert.That(Floor(file), Is.EqualTo(floor));

    private static IEnumerable<(string File, string Include)> Includes() =>
        from path in Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories)
        where Path.GetExtension(path) is ".cpp" or ".hpp" or ".cu" or ".cuh"
        let file = Path.GetRelativePath(Root, path).Replace('\\', '/')
        from Match match in Include().Matches(File.ReadAllText(path))
        select (file, match.Groups[1].Value);

    private static int Floor(string file)
    {
        string folder = file.Split('/')[0], name = file.Split('/')[^1];
        if (folder == "api" || name.EndsWith("_api.cpp", System.StringComparison.Ordinal))
        {
            return Exports;
        }

        if (s_kernels.TryGetValue(folder, out string? kernels)
            && name.StartsWith(kernels, System.StringComparison.Ordinal))
        {
            return StageKernels;
        }

        return folder switch
        {
            "core" or "torch" => Core,
            "gemm" or "ops" => Products,
            "device" => Device,
            "model" => Model,
            "decoder" => Decoder,
            "gradient" or "group" or "optimizer" or "rollout" or "checkpoint" or "plan" or "bench" => Engine,
            _ => throw new AssertionException($"native/src/{folder} has no floor: give it one here"),
        };
    }

    [GeneratedRegex(@"^#include ""([a-z_]+/[^""]+)""", RegexOptions.Multiline)]
    private static partial Regex Include();
}
