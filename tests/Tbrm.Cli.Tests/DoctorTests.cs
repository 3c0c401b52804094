using System;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Cli.Verbs;

namespace Tbrm.Cli.Tests;

/// <summary><c>doctor</c>: text for people, one JSON object for programs, both from what was found.</summary>
public sealed class DoctorTests
{
    private const string Report = """
        {
          "version": "0.1.0", "dotnet": ".NET 10.0.1", "os": "Debian 12", "architecture": "X64",
          "folder": { "path": "/data", "free_bytes": 53687091200 },
          "library": { "version": "0.1.0", "compiler": "12.2.0", "libtorch": "1.13.0", "cuda": null,
                       "isa": "avx2", "best_isa": "avx2" },
          "library_path": "/opt/libtbrm.so",
          "cpu": { "device": "cpu", "threads": 1, "isa": "avx2", "memory_bytes": 2147483648 },
          "cuda": "opening the device: this library was built without CUDA; install nvcc and build again",
          "torch": "self-check: rms_norm ([4, 8]) is wrong on this device; use trainer.device=cpu"
        }
        """;

    [Test]
    public void The_text_marks_what_is_there_what_is_not_and_what_is_wrong() => Assert.That(Text(_ => { }),
        Is.EqualTo("""
            program
              ok  version  0.1.0
              ok  runtime  .NET 10.0.1
              ok  system   Debian 12, X64
              ok  library  0.1.0, compiler 12.2.0, CUDA left out, libtorch 1.13.0
                           /opt/libtbrm.so
              ok  kernels  avx2
            devices, for trainer.device
              ok     cpu    1 thread, avx2, 2.0 GiB memory
              -      cuda   this library was built without CUDA
                            to have it: install nvcc and build again
              WRONG  torch  self-check: rms_norm ([4, 8]) is wrong on this device
                            what to do: use trainer.device=cpu
            folder of runs
              ok  /data  50.0 GiB free

            """));

    [Test]
    public void Every_problem_says_what_to_do()
    {
        string text = Text(r =>
        {
            r["library"]!["isa"] = "scalar";
            r["folder"] = new JsonObject { ["path"] = "/data", ["problem"] = "Read-only file system" };
        });
        Assert.That(text, Does.Contain("-   kernels  scalar, as TBRM_ISA asks; this processor has avx2").And.Contain(
            "unset TBRM_ISA").And.Contain("WRONG  /data  nothing can be written: Read-only file system").And.Contain(
            "name one with --run-dir"));
        Assert.That(Text(r => r["folder"]!["free_bytes"] = 1L << 20), Does.Contain("WRONG  /data  0.0 GiB free"));
        Assert.That(Text(r =>
        {
            r["library"] = "The native library was not found. Run ./build.sh";
            r.Remove("cpu");
            r.Remove("cuda");
            r.Remove("torch");
        }), Does.Contain("WRONG  library  The native library").And.Contain("./build.sh").And.Not.Contain("devices"));
    }

    [TestCase(60)]
    [TestCase(200)]
    public void Lines_keep_to_the_width(int width) =>
        Assert.That(Text(_ => { }, width).Split('\n').Select(l => l.Length), Has.All.AtMost(width));

    [Test]
    public void The_verb_prints_text_or_one_object()
    {
        Outcome text = CommandLine.Run("doctor"), json = CommandLine.Run("doctor", "--json");
        Assert.That((text.ExitCode, json.ExitCode), Is.EqualTo((0, 0)), text.Error + json.Error);
        JsonNode report = JsonNode.Parse(json.Output)!;
        Assert.That(text.Output, Does.StartWith("program\n").And.Contain((string)report["version"]!).And.Contain(
            (string)report["library_path"]!).And.Not.Contain("\u001b"));
        Assert.That((int)report["cpu"]!["threads"]!, Is.GreaterThan(0));
    }

    private static string Text(Action<JsonObject> change, int width = 100)
    {
        JsonObject report = JsonNode.Parse(Report)!.AsObject();
        change(report);
        return DoctorText.Of(report, width);
    }
}
