using System;
using System.Text;
using System.Text.RegularExpressions;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Undoes a fault of files in circulation: LaTeX whose backslashes were not doubled when it was written as JSON, so
/// that
/// <c>\frac</c> was read as a form feed and "rac", <c>\triangle</c> as a tab and "riangle".
/// </summary>
internal static partial class LatexRepair
{
    /// <summary>The text with its commands restored; form feeds and backspaces have no other meaning in a problem, tabs
    /// may.</summary>
    public static string Apply(string text)
    {
        if (text.AsSpan().IndexOfAny('\f', '\b', '\t') < 0)
        {
            return text;
        }

        StringBuilder repaired = new(text);
        repaired.Replace("\f", "\\f").Replace("\b", "\\b");
        return TabCommand().Replace(repaired.ToString(), "\\t");
    }

    [GeneratedRegex(@"\t(?=(riangle|imes|ext|heta|frac|an|anh|au|o|ilde|op|binom|herefore)(?![a-z]))")]
    private static partial Regex TabCommand();
}
