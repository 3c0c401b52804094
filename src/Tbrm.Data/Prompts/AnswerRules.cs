using System;
using System.Linq;
using System.Text.RegularExpressions;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Tasks;

namespace Tbrm.Data.Prompts;

/// <summary>What holds of the answers of known benchmarks, whichever shape their rows have, and which texts are no
/// answers.</summary>
internal static partial class AnswerRules
{
    /// <summary>What files of problems have where there is no answer (NuminaMath, OpenR1-Math, and empty cells as
    /// Python writes them).</summary>
    private static readonly string[] s_noAnswers =
        ["proof", "notfound", "not found", "not_found", "nan", "null", "n/a"];

    /// <summary>The ground truth as the benchmark's graders compare it.</summary>
    /// <param name="truth">As the file has it.</param>
    /// <param name="dataSource">Names the benchmark, perhaps with an owner before it.</param>
    /// <param name="key">The answer's column, for messages.</param>
    /// <param name="where">The row's place, for messages.</param>
    /// <exception cref="LeftOutException">It is a word for "there is no answer".</exception>
    public static GroundTruth Apply(GroundTruth truth, string dataSource, string key, string where)
    {
        if (IsOfTask(dataSource))
        {
            return truth;
        }

        if (truth.Kind is GroundTruthKind.Text or GroundTruthKind.List
            && truth.Alternatives.FirstOrDefault(IsNoAnswer) is { } none)
        {
            throw new LeftOutException(where, $"'{key}' is '{none.Trim()}', which is no answer");
        }

        return BenchmarkNames.Find(dataSource) switch
        {
            { } name when name.StartsWith("aime", StringComparison.Ordinal) =>
                truth.WithTexts(text => WithoutLeadingZeros(WithoutFraction(text))),
            { } name when name.StartsWith("amc", StringComparison.Ordinal) => truth.WithTexts(WithoutFraction),
            "gsm8k" => truth.WithTexts(Gsm8kNumber),
            "olympiadbench" => truth.WithTexts(WithoutDollars),
            _ => truth,
        };
    }

    /// <summary>"025" is 25: competition answers are integers, and graders compare them as text.</summary>
    public static string WithoutLeadingZeros(string answer)
    {
        string trimmed = answer.Trim();
        return trimmed.Length > 1 && trimmed.All(char.IsAsciiDigit) ? trimmed.TrimStart('0') is { Length: > 0 } digits
            ? digits : "0" : answer;
    }

    /// <summary>The answer without the dollars around it.</summary>
    public static string WithoutDollars(string answer) => answer.Trim().Trim('$').Trim();

    /// <summary>What follows the last <c>####</c>, or the whole text, without commas between digits.</summary>
    public static string Gsm8kNumber(string answer)
    {
        const string Mark = "####";
        int mark = answer.LastIndexOf(Mark, StringComparison.Ordinal);
        string number = mark < 0 ? answer : answer[(mark + Mark.Length)..];
        return mark >= 0 || Thousands().IsMatch(number) ? number.Trim().Replace(",", "", StringComparison.Ordinal)
            : answer;
    }

    private static string WithoutFraction(string answer) => ZeroFraction().IsMatch(answer)
        ? answer.Trim()[..answer.Trim().IndexOf('.', StringComparison.Ordinal)] : answer;

    private static bool IsNoAnswer(string text)
    {
        string trimmed = text.Trim();
        return trimmed == "None" || s_noAnswers.Contains(trimmed, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>A task's scorer knows its own answers, "None" perhaps among them.</summary>
    private static bool IsOfTask(string dataSource) =>
        dataSource.StartsWith(TaskGrader.SourcePrefix, StringComparison.Ordinal)
        || TaskRegistry.Names.Contains(dataSource);

    [GeneratedRegex(@"^\s*-?[0-9]+\.0+\s*$")]
    private static partial Regex ZeroFraction();

    [GeneratedRegex(@"^\s*-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?\s*$")]
    private static partial Regex Thousands();
}
