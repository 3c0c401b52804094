using System;
using System.Text.RegularExpressions;

namespace Tbrm.Verify.Graders;

/// <summary>Numbers as people write them: $200,000. and 18.00 are 200000 and 18.</summary>
internal static partial class PlainNumber
{
    // Longer digits are no answer that somebody wrote with a currency or thousands.
    private const int MaxLength = 200;

    /// <summary>Digits without sign of currency, thousands' commas, full stop and needless zeros; null for anything but
    /// a number.</summary>
    public static string? Canonical(string text)
    {
        if (text.Length > MaxLength || Number().Match(text) is not { Success: true } match)
        {
            return null;
        }

        string whole = match.Groups["whole"].Value.Replace(",", "", StringComparison.Ordinal).TrimStart('0');
        string fraction = match.Groups["fraction"].Value.TrimEnd('0');
        string digits = (whole.Length == 0 ? "0" : whole) + (fraction.Length == 0 ? "" : "." + fraction);
        bool negative = match.Groups["sign"].Length > 0 && digits != "0";
        return negative ? "-" + digits : digits;
    }

    /// <summary>Whether both are numbers, and the same one.</summary>
    public static bool AreEqual(string a, string b) => Canonical(a) is { } number && number == Canonical(b);

    [GeneratedRegex(
        @"^(?:[\s$*€£¥₹]|\\[$,;! ])*(?<sign>[-−]?)(?:[\s$€£¥₹]|\\[$ ])*" +
        @"(?:(?<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?<fraction>\d*))?|\.(?<fraction>\d+))" +
        @"(?:[\s$*.€£¥₹]|\\[$,;! ])*\z", RegexOptions.NonBacktracking)]
    private static partial Regex Number();
}
