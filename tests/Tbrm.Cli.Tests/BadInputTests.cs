using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Bad input gets one sentence on stderr, the right exit code, and no stack trace.</summary>
public sealed class BadInputTests : FolderTests
{
    [TestCase("rollout.temprature=1", 2, "rollout.temperature")]
    [TestCase("algorithm.tbrm.beta=-1", 2, "more than 0")]
    [TestCase("model.path=/no/such/folder", 3, "there is no such folder")]
    [TestCase("data.task=chain_sun", 2, "chain_sum")]
    [TestCase("trainer.device=tpu", 2, "auto, cpu, cuda")]
    [TestCase("data.tasks=[]", 2, "set data.task, data.tasks", "model.path=", "data.task=")]
    public void A_bad_key_or_value_says_what_to_write(string argument, int exitCode, string expected,
        params string[] more)
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(["train", "--run-dir", run, argument, .. more]);
        Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected).And.Not.Contain("   at Tbrm."));
        Assert.That(outcome.Output, Is.Empty);
        Assert.That(Directory.Exists(run), Is.False, "a run that never began leaves no folder");
    }

    [TestCase("de_DE.UTF-8")]
    [TestCase("tr_TR.UTF-8")]
    public void Numbers_and_words_do_not_depend_on_the_users_language(string language)
    {
        string[] arguments = ["plan", "trainer.device=cpu", .. CommandLine.Tiny];
        Outcome expected = CommandLine.Run(new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8" }, arguments);
        Outcome actual = CommandLine.Run(new Dictionary<string, string> { ["LC_ALL"] = language }, arguments);
        Assert.That(expected.Output, Does.Match(@"\d\.\d"), expected.Error);
        Assert.That(actual, Is.EqualTo(expected));
    }

    [TestCase(false, "not there")]
    [TestCase(true, "invalid ELF header", IncludePlatform = "Linux")]
    public void A_native_library_that_does_not_load_is_a_sentence(bool exists, string expected)
    {
        if (exists)
        {
            File.WriteAllText(Path.Combine(Folder, "libtbrm.so"),
                "not a library, and longer than a header of one would be, just to be sure of it");
        }

        Outcome outcome = CommandLine.Run(
            new Dictionary<string, string> { ["TBRM_NATIVE_DIR"] = Folder },
            ["train", "--run-dir", Path.Combine(Folder, "run")]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("./build.sh").And.Contain(expected).And.Not.Contain("   at Tbrm."));
    }

    [Test]
    public void A_learning_rate_that_breaks_the_model_ends_with_exit_code_5_and_keeps_the_last_good_checkpoint()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=50", "lr=1e30"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(5), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("actor.optim.lr"));
        Assert.That(Directory.Exists(Path.Combine(run, "checkpoints", "global_step_0")), Is.True);
    }

    [Test]
    public void A_page_pool_that_holds_not_one_sequence_is_told_in_the_configurations_words()
    {
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", Path.Combine(Folder, "run"), .. CommandLine.Tiny, "rollout.kv_cache_mb=1",
            "data.max_response_length=4000"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(4), outcome.Error);
        Match found = Regex.Match(
            outcome.Error, "holds ([0-9]+) KV pages .* takes 64: set (rollout.kv_cache_mb=[0-9]+) or more");
        Assert.That(found.Success, Is.True, outcome.Error);
        Outcome again = CommandLine.Run(
            ["train", "--run-dir", Path.Combine(Folder, "run"), .. CommandLine.Tiny, found.Groups[2].Value,
            "data.max_response_length=4000",
            "sft.total_training_steps=0", "trainer.val_before_train=false", "trainer.total_training_steps=0",
                "data.task_val_size=1"]);
        Assert.That(again.ExitCode, Is.Zero, again.Error);
    }

    /// <summary>Rotations go on for ever; what they were trained for does not.</summary>
    [Test]
    public void Sequences_beyond_what_the_model_was_made_for_are_warned_of()
    {
        string model = Path.Combine(Folder, "model"), file = Path.Combine(model, "config.json");
        TinyModel.Write(model, tied: true);
        JsonObject config = (JsonObject)JsonNode.Parse(File.ReadAllText(file))!;
        config["max_position_embeddings"] = 70;
        File.WriteAllText(file, config.ToJsonString());
        string[] arguments =
            ["generate", "model.path=" + model, "data.system_prompt=Add.", "data.max_prompt_length=256",
            "data.max_response_length=2", "trainer.threads=1", "--prompt"];
        string sum = string.Concat(Enumerable.Repeat("1 + ", 30));
        Outcome within = CommandLine.Run([.. arguments, "1"]), beyond = CommandLine.Run([.. arguments, sum]);
        Assert.That((within.ExitCode, beyond.ExitCode), Is.EqualTo((0, 0)), within.Error + beyond.Error);
        Assert.That(within.Error, Is.Empty);
        Assert.That(beyond.Error, Does.Contain("made for 70"));
        config["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 4 };
        File.WriteAllText(file, config.ToJsonString());
        Assert.That(CommandLine.Run([.. arguments, sum]).Error, Is.Empty, "the scaling counts");
    }

    [Test]
    public void A_truncated_model_file_is_named_with_what_is_wrong()
    {
        string run = Path.Combine(Folder, "run");
        Outcome trained = CommandLine.Run(
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=1"]);
        Assert.That(trained.ExitCode, Is.Zero, trained.Error);
        string model = Path.Combine(run, "checkpoints", "global_step_1", "actor", "huggingface");
        string weights = Path.Combine(model, "model.safetensors");
        using (FileStream file = File.OpenWrite(weights))
        {
            file.SetLength(file.Length - 100);
        }

        Outcome outcome = CommandLine.Run(
            "eval", "model.path="
            + model, "data.task=chain_sum", "data.max_prompt_length=64", "data.max_response_length=8");
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("model.safetensors"));

        File.Delete(Path.Combine(model, "tokenizer.json"));
        outcome = CommandLine.Run("eval", "model.path=" + model, "data.task=chain_sum");
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("tokenizer.json"));
    }

    [TestCase("trian", "'train'")]
    [TestCase("task lst", "'list'")]
    [TestCase("train --rsume", "'--resume'")]
    [TestCase("task generate gcd --size 99999999999999999999", "whole number")]
    [TestCase("config -c defualt", "'default'")]
    [TestCase("score --grader gsmk --in a --out b", "gsm8k")]
    [TestCase("task generate gdc", "'gcd'")]
    [TestCase("generate model.path=x --prompt a --in b", "--prompt and --in")]
    public void A_mistyped_word_gets_the_nearest_one_and_exit_code_2(string line, string expected)
    {
        Outcome outcome = CommandLine.Run(line.Split(' '));
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected).And.Not.Contain("System."));
    }

    [TestCase("data inspect {0}")]
    [TestCase("task score gcd --in {0}")]
    [TestCase("score --grader gsm8k --in {0} --out {0}.out")]
    [TestCase("tokenize --tokenizer {1} --in {0} --out {0}.out")]
    [TestCase("generate model.path={1} --in {0} --out {0}.out data.max_response_length=4")]
    [TestCase("eval --in {0}")]
    [TestCase("sft model.path={1} sft.train_files={0} trainer.run_dir={0}.run")]
    public void Files_that_hold_nothing_useful_are_named_and_leave_no_output(string line)
    {
        string model = Path.Combine(Folder, "model");
        TinyModel.Write(model, tied: true);
        string[] contents = ["\u0000\u0001", "{\"a\": ", "[1, 2]\n", "\"text\"\n",
            "{\"text\": " + new string('[', 5000) + "\n"];
        for (int i = 0; i <= contents.Length + 1; i++)
        {
            string file = Path.Combine(Folder, $"file{i}.jsonl");
            if (i < contents.Length)
            {
                File.WriteAllText(file, contents[i]);
            }
            else if (i == contents.Length)
            {
                File.WriteAllBytes(file, [.. "{\"text\": \""u8, 0xFF, .. "\"}\n"u8]);
            }

            Outcome outcome = CommandLine.Run(
                string.Format(System.Globalization.CultureInfo.InvariantCulture, line, file, model).Split(' '));
            Assert.That(outcome.ExitCode, Is.EqualTo(3), $"file {i}: {outcome.Error}");
            Assert.That(outcome.Error, Does.Contain($"file{i}.jsonl").And.Not.Contain("   at Tbrm."));
            Assert.That(File.Exists(file + ".out"), Is.False, "nothing half-written");
        }
    }

    [Test]
    public void Prompts_need_no_answers_to_be_generated_from_and_may_come_through_a_pipe()
    {
        string model = Path.Combine(Folder, "model");
        TinyModel.Write(model, tied: true);
        using System.Diagnostics.Process process = CommandLine.StartWithInput(
            "generate", "model.path="
                + model, "--in", "-", "--out", "-", "data.system_prompt=Add.", "data.max_prompt_length=64",
                "data.max_response_length=2", "trainer.threads=1");
        process.StandardInput.Write(
            "{\"prompt\": \"1 + 1?\"}\r\n{\"messages\": [{\"role\": \"user\", \"content\": \"2 + 2?\"}]}\r\n");
        process.StandardInput.Close();
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string[] rows = process.StandardOutput.ReadToEnd().Split('\n', System.StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, error.Result);
        Assert.That(rows, Has.Length.EqualTo(2));
        Assert.That(rows[1], Does.Contain("2 + 2?"));
    }
}
