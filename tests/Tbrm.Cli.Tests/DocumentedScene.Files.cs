using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

internal sealed partial class DocumentedScene
{
    private void WriteFiles()
    {
        VerlRows.Write(In("train.parquet"), "openai/gsm8k", 8);
        VerlRows.Write(In("dapo-math-17k.parquet"), "math_dapo", 8);
        string[] sums = [.. Enumerable.Range(0, 8).Select(i =>
            $$"""{"question": "What is {{i}} + {{i}}?", "answer": "It is {{i + i}}.\n#### {{i + i}}"}""")];
        string[] problems = [.. Enumerable.Range(0, 4).Select(i =>
            $$"""{"id": {{i}}, "problem": "What is {{i}} + 1?", "answer": "{{i + 1}}", "url": "u"}""")];
        foreach (string file in new[] { "rows", "train", "test" })
        {
            Write(file + ".jsonl", sums);
        }

        foreach (string file in new[] { "aime24", "math500" })
        {
            Write(file + ".jsonl", problems);
        }

        foreach (string file in new[] { "mine", "held_out" })
        {
            Write(file + ".jsonl", Enumerable.Range(0, 8).Select(i => "{\"data_source\": \"sums\", "
                + $"\"prompt\": [{{\"role\": \"user\", \"content\": \"{i} + {i} =\"}}], "
                + $"\"reward_model\": {{\"ground_truth\": \"{i + i}\"}}}}"));
        }

        Write("answers.jsonl",
            """{"solution_str": "#### 4", "ground_truth": "4", "answer": "4", "entry": {"question": "1 + 3", "answer": "4", "metadata": {}}}""");
        Write("trajectories.jsonl",
            """{"data_source": "sums", "prompt": "1 + 1?", "response": "2", "reward": 1, "reward_model": {"ground_truth": "2"}}""");
        Write("text.jsonl", """{"text": "What is 1 + 1?"}""");
        Write("ids.jsonl", """{"ids": [1, 2, 3]}""");
        Write("chats.jsonl", """{"messages": [{"role": "user", "content": "What is 1 + 1?"}]}""");
        File.Copy(Repository.PathOf("tests", "Tbrm.Cli.Tests", "VerlScripts", "grpo.sh"), In("verl.sh"));
        WriteProgram("grade.sh", """
            while IFS= read -r line; do
                echo "{\"id\": $(expr "$line" : '.*"id":\([0-9]*\)'), \"score\": 0.5}"
            done
            """);
        WriteProgram("llama-bench", """
            echo '[{"n_prompt": 128, "n_gen": 0, "build_commit": "abc", "samples_ns": [2e8, 4e8, 3e8]},
                   {"n_prompt": 0, "n_gen": 64, "build_commit": "abc", "samples_ns": [64e7]}]'
            """);
    }

    private void Write(string name, params IEnumerable<string> lines) => File.WriteAllLines(In(name), lines);

    private void WriteProgram(string name, string text)
    {
        File.WriteAllText(In(name), "#!/bin/sh\n" + text + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(In(name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
