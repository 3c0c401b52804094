using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>What a finished process left.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error);

/// <summary>Runs tbrm-native as its users do: as a process.</summary>
internal static class CommandLine
{
    /// <summary>A model of a few thousand parameters and a few steps: seconds, not minutes.</summary>
    public static IReadOnlyList<string> Tiny { get; } =
    [
        "trainer.threads=2", "data.train_batch_size=8", "data.task_val_size=20", "sft.train_batch_size=16",
        "model.scratch.hidden_size=32", "model.scratch.intermediate_size=64", "model.scratch.num_hidden_layers=2",
        "sft.total_training_steps=5", "trainer.save_freq=2", "trainer.test_freq=3",
    ];

    public static Outcome Run(params string[] arguments) => Run(new Dictionary<string, string>(), arguments);

    /// <summary>With variables of its environment set.</summary>
    public static Outcome Run(IReadOnlyDictionary<string, string> environment, string[] arguments)
    {
        using Process process = Start(environment, arguments);
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, error.Result);
    }

    public static Process Start(params string[] arguments) => Start(new Dictionary<string, string>(), arguments);

    /// <summary>With its standard input held by the caller.</summary>
    public static Process StartWithInput(params string[] arguments) =>
        Start(new Dictionary<string, string>(), arguments, redirectInput: true);

    /// <summary>In a folder of the caller's.</summary>
    public static Process StartIn(string folder, params string[] arguments) =>
        Start(new Dictionary<string, string>(), arguments, folder: folder);

    /// <summary>With variables of its environment set.</summary>
    public static Process Start(IReadOnlyDictionary<string, string> environment, string[] arguments,
        bool redirectInput = false, string? folder = null)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll");
        // Signals that whatever started the tests ignores (nohup, a background job) would be ignored by the program
        // too.
        string[] command = OperatingSystem.IsLinux() ? ["env", "--default-signal", "dotnet", program]
            : ["dotnet", program];
        ProcessStartInfo start =
            new(command[0])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = redirectInput,
                WorkingDirectory = folder ?? Repository.Root
            };
        foreach (string argument in command.Skip(1).Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        // Two tests at a time share the cores: a thread that waits must not spin.
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>An empty folder that goes when the test ends.</summary>
    public static string TemporaryFolder() => Directory.CreateTempSubdirectory("tbrm-test-").FullName;
}
