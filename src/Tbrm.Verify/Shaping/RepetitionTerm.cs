using System;
using System.Collections.Generic;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Shaping;

/// <summary>
/// <c>max_penalty</c> (at most 0) times the share of word n-grams that repeat an earlier one; words are lower-cased and
/// cut at
/// blanks. Source: as in open-r1, after Demystifying Long Chain-of-Thought (arXiv 2502.03373).
/// </summary>
public sealed class RepetitionTerm : IShapingTerm
{
    private readonly int _length;
    private readonly double _penalty;

    /// <summary>Reads <c>ngram_size</c> (3) and <c>max_penalty</c> (-1).</summary>
    public RepetitionTerm(JsonObject? options)
    {
        GraderOptions reader = new(options);
        _length = reader.Integer("ngram_size", 3, 1, 1000);
        _penalty = reader.Number("max_penalty", -1);
        if (_penalty > 0)
        {
            throw new ConfigException("the shaping term 'repetition': max_penalty must not be positive");
        }
    }

    /// <inheritdoc/>
    public string Name => "repetition";

    /// <inheritdoc/>
    public double Shape(GradeRequest request, GradeResult grade)
    {
        string[] words = request.Solution.ToLowerInvariant()
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        int total = words.Length - _length + 1;
        if (total <= 0)
        {
            return 0;
        }

        HashSet<string> distinct = [];
        for (int i = 0; i < total; i++)
        {
            distinct.Add(string.Join(' ', words, i, _length));
        }

        return _penalty * (1 - (double)distinct.Count / total);
    }
}
