using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Benchmarks;

/// <summary>llama.cpp's <c>llama-bench</c> on the same weights, prompt length and threads: its prefill, and its
/// decoding
/// at batch 1.</summary>
/// <param name="program">The program.</param>
/// <param name="threads">What it is told.</param>
internal sealed class LlamaBench(string program, int threads)
{
    private const int NewTokens = 64, Repetitions = 5;

    /// <summary>Exports the model, has it timed, and removes it again.</summary>
    /// <exception cref="TbrmUserException">The program cannot be started, fails, or answers otherwise than
    /// llama-bench.</exception>
    public IReadOnlyList<BenchResult> Run(ShapedModel model)
    {
        string folder = Directory.CreateTempSubdirectory("tbrm-bench-").FullName;
        try
        {
            string file = Path.Combine(folder, "model.gguf");
            GgufExport.WriteWithoutTokenizer(model.Policy, file);
            return [.. Parse(Output(file)).Select(test => Result(test, model))];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string Output(string file)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "-m", file, "-p", Text(DecodeCase.PromptTokens), "-n", Text(NewTokens), "-t", Text(threads),
            "-r", Text(Repetitions), "-o", "json",
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using Process process = Process.Start(start)!;
            System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : throw new DataException(
                $"--llama-bench {program} ended with exit code {process.ExitCode}: {LastLine(error.Result)}");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            throw new ConfigException($"--llama-bench {program} cannot be started: {e.Message}", e);
        }
    }

    private IEnumerable<JsonObject> Parse(string output)
    {
        try
        {
            return [.. ((JsonArray)JsonNode.Parse(output)!).Select(test => (JsonObject)test!)];
        }
        catch (Exception e) when (e is JsonException or InvalidCastException or ArgumentNullException
            or NullReferenceException)
        {
            throw Unexpected(output, e);
        }
    }

    private BenchResult Result(JsonObject test, ShapedModel model)
    {
        try
        {
            int prompt = (int)test["n_prompt"]!, generated = (int)test["n_gen"]!;
            // Nanoseconds of the whole test, each time that it was run.
            double[] seconds = [.. ((JsonArray)test["samples_ns"]!)
                .Select(ns => (double)ns! / 1e9 / Math.Max(generated, 1))];
            string commit = (string?)test["build_commit"] ?? "unknown build";
            return generated > 0
                ? new($"llama-bench decode, batch 1 {model.Type}", $"{model.Name}, {commit}", BenchTimes.Of(seconds),
                    new(1, "tokens"), null, null)
                : new($"llama-bench prefill, batch 1 {model.Type}", $"{model.Name}, {prompt} tokens, {commit}",
                    BenchTimes.Of(seconds), new(prompt, "tokens"), null, null);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or NullReferenceException
            or InvalidCastException or ArgumentNullException)
        {
            throw Unexpected(test.ToJsonString(), e);
        }
    }

    private DataException Unexpected(string output, Exception e) => new(
        $"--llama-bench {program}: expected llama-bench's JSON (-o json: n_prompt, n_gen, samples_ns), found "
        + (output.Length > 100 ? output[..100] + "..." : output), e);

    private static string LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("it wrote nothing to stderr");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
