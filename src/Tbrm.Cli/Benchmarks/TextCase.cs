using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tbrm.Tasks;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Cli.Benchmarks;

/// <summary><c>bench text</c>: a tokenizer over a fixed text, on one core.</summary>
internal sealed class TextCase(string name, string shape, Func<(Tokenizer Tokenizer, string Text)> prepare,
    Func<Tokenizer, string, int[], object> run) : BenchCase(name, shape, "-")
{
    private (Tokenizer Tokenizer, string Text) _inputs;
    private int[] _ids = [];

    /// <summary>Encoding and decoding, with the tokenizer of <paramref name="folder"/>, or with one trained on the text
    /// itself.</summary>
    public static IEnumerable<BenchCase> All(string? folder)
    {
        Lazy<(Tokenizer Tokenizer, string Text)> inputs = new(() =>
        {
            string text = Prose();
            return (folder is null ? Trained(text) : Tokenizer.Load(folder), text);
        });
        string shape = folder is null ? "word problems, tokenizer of 2000" : "word problems, " + folder;
        yield return new TextCase("encode", shape, () => inputs.Value, (t, text, _) => t.Encode(text));
        yield return new TextCase("decode", shape, () => inputs.Value, (t, _, ids) => t.Decode(ids));
    }

    /// <summary>Decoding what was encoded gives the text back.</summary>
    public override double Check()
    {
        _inputs = prepare();
        _ids = _inputs.Tokenizer.Encode(_inputs.Text);
        Work = new(Encoding.UTF8.GetByteCount(_inputs.Text) / 1e6, "MB");
        return _inputs.Tokenizer.Decode(_ids) == _inputs.Text ? 0 : double.PositiveInfinity;
    }

    public override IEnumerable<double> Measure()
    {
        long start = Stopwatch.GetTimestamp();
        run(_inputs.Tokenizer, _inputs.Text, _ids);
        yield return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static string Prose()
    {
        IReasoningTask task = TaskRegistry.Create("leg_counting", new());
        StringBuilder text = new();
        for (int i = 0; i < 1000; i++)
        {
            text.Append(task.Generate(i).Question).Append("\nSo the answer is ")
                .Append(string.Create(CultureInfo.InvariantCulture, $"{i * 7919 % 10007}.\n"));
        }

        return text.ToString();
    }

    private static Tokenizer Trained(string text)
    {
        BpeTrainer trainer = new();
        trainer.Add(text);
        return trainer.Train(2000).Build();
    }
}
