using System.Collections.Generic;
using System.Globalization;
using System.IO.Enumeration;

namespace Tbrm.Training.Config.Verl;

/// <summary>The command <c>[ ... ]</c>: comparisons of texts and whole numbers. Null for files and for what is not
/// known.</summary>
internal static class ShellTest
{
    /// <summary>The words after <c>[</c> or <c>[[</c>, the closing bracket included.</summary>
    public static bool? Evaluate(IReadOnlyList<ShellValue> words)
    {
        List<string?> texts = [];
        foreach (ShellValue word in words)
        {
            if (word.Text is not ("]" or "]]"))
            {
                texts.Add(word.IsKnown ? word.Text : null);
            }
        }

        bool isNegated = texts is ["!", ..];
        bool? result = Simple(isNegated ? texts[1..] : texts);
        return isNegated ? !result : result;
    }

    private static bool? Simple(List<string?> texts) => texts switch
    {
        [] => false,
        [null] => null,
        [string only] => only.Length > 0,
        ["-z", string text] => text.Length == 0,
        ["-n", string text] => text.Length > 0,
        [string left, "=" or "==", string right] => Matches(left, right),
        [string left, "!=", string right] => !Matches(left, right),
        [string left, string op, string right] when op.StartsWith('-') => Compare(left, op, right),
        _ => null,
    };

    private static bool Matches(string left, string right) =>
        left == right || (right.Contains('*')
            && FileSystemName.MatchesSimpleExpression(right, left, ignoreCase: false));

    private static bool? Compare(string left, string op, string right)
    {
        if (!long.TryParse(left, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long a)
            || !long.TryParse(right, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long b))
        {
            return null;
        }

        return op switch
        {
            "-eq" => a == b,
            "-ne" => a != b,
            "-lt" => a < b,
            "-le" => a <= b,
            "-gt" => a > b,
            "-ge" => a >= b,
            _ => null,
        };
    }
}
