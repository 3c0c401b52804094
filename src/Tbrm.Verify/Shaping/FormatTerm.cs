using System;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Shaping;

/// <summary>
/// <c>weight</c> for a response that matches <c>pattern</c> (. matches line ends too), 0 for any other. The default
/// pattern is
/// a think block followed by an answer block.
/// </summary>
public sealed class FormatTerm : IShapingTerm
{
    private const string ThinkThenAnswer =
        @"^\s*<think>(?:(?!</think>).)*</think>\s*<answer>(?:(?!</answer>).)*</answer>\s*$";
    private static readonly TimeSpan s_brake = TimeSpan.FromSeconds(60);
    private readonly Regex _pattern;
    private readonly double _weight;

    /// <summary>Reads <c>pattern</c> and <c>weight</c> (1).</summary>
    public FormatTerm(JsonObject? options)
    {
        GraderOptions reader = new(options);
        _weight = reader.Number("weight", 1);
        try
        {
            _pattern = Compile(reader.Text("pattern") ?? ThinkThenAnswer);
        }
        catch (ArgumentException e)
        {
            throw new ConfigException($"the shaping term 'format': the pattern is no regular expression: {e.Message}",
                e);
        }
    }

    /// <inheritdoc/>
    public string Name => "format";

    /// <summary>In time proportional to the text where the pattern allows it; elsewhere the clock is an emergency brake
    /// only.</summary>
    private static Regex Compile(string pattern)
    {
        const RegexOptions Options = RegexOptions.Singleline | RegexOptions.CultureInvariant;
        try
        {
            return new Regex(pattern, Options | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, Options, s_brake);
        }
    }

    /// <inheritdoc/>
    public double Shape(GradeRequest request, GradeResult grade) => _pattern.IsMatch(request.Solution) ? _weight : 0;
}
