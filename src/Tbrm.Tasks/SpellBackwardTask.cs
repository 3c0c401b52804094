using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="SpellBackwardTask"/>.</summary>
public sealed record SpellBackwardConfig : TaskConfig
{
    /// <summary>The package's word list that is carried here: 151,367 English words of 3 to 10 letters.</summary>
    public const string WordList = "words3to10.txt";

    /// <summary>Fewest letters.</summary>
    public int MinWordLen { get; init; } = 3;

    /// <summary>Most letters.</summary>
    public int MaxWordLen { get; init; } = 10;

    /// <summary>The list to draw from; only <see cref="WordList"/> is carried.</summary>
    public string DataFile { get; init; } = WordList;

    internal override void Validate()
    {
        Require(MinWordLen > 0, "min_word_len must be positive");
        Require(MaxWordLen >= MinWordLen, "max_word_len must be >= min_word_len");
        Require(DataFile == WordList,
            $"data_file must be {WordList}, the one list that is carried here; found '{DataFile}'");
    }
}

/// <summary>Words to spell backward (reasoning-gym <c>algorithmic/spell_backward.py</c>).</summary>
public sealed class SpellBackwardTask : ReasoningTask<SpellBackwardConfig>
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "spell_backward";

    private static readonly Lazy<string[]> s_allWords = new(ReadWords);

    private readonly string[] _words;

    /// <summary>The task over the words of the wanted lengths.</summary>
    /// <exception cref="ConfigException">The parameters contradict each other, or there is no word of such a
    /// length.</exception>
    public SpellBackwardTask(SpellBackwardConfig config) : base(TaskName, config)
    {
        _words = [.. s_allWords.Value.Where(w => w.Length >= config.MinWordLen && w.Length <= config.MaxWordLen)];
        if (_words.Length == 0)
        {
            throw new ConfigException(
                $"the words of {config.DataFile} have 3 to 10 letters; none has {config.MinWordLen} to "
                    + $"{config.MaxWordLen}");
        }
    }

    /// <summary>
    /// 1 for the word in any case; else the share of its letters that stand in their places, 0.2 less where that is all
    /// of them.
    /// </summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null)
        {
            return 0;
        }

        List<Rune> expected = PythonText.Lower(entry.Answer);
        List<Rune> given = PythonText.Lower(answer, expected.Count + 1);
        if (given.SequenceEqual(expected))
        {
            return 1;
        }

        double reward = 0;
        for (int i = 0; i < Math.Min(expected.Count, given.Count); i++)
        {
            // A sum of shares, not a count over the length: the package's rounding errors are part of its score.
            reward += expected[i] == given[i] ? 1.0 / expected.Count : 0;
        }

        return reward == 1 ? reward - 0.2 : reward;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        string word = random.Choice(_words);
        char[] letters = word.ToCharArray();
        Array.Reverse(letters);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["word"] = word;
        metadata["word_len"] = word.Length;
        metadata["difficulty"] = new JsonObject { ["word_len"] = TaskJson.Range(Config.MinWordLen, Config.MaxWordLen) };
        return new TaskItem($"Spell this word backward (example: sun -> nus): {word}", new string(letters), metadata);
    }

    private static string[] ReadWords()
    {
        using Stream compressed = Assembly.GetExecutingAssembly()
            .GetManifestResourceStream("Tbrm.Tasks.words3to10.txt.gz")
            ?? throw new InvalidOperationException("the word list is not embedded in this assembly");
        using GZipStream text = new(compressed, CompressionMode.Decompress);
        using StreamReader reader = new(text);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
