using System;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>The scorers that several tasks share.</summary>
internal static class Scoring
{
    /// <summary>
    /// The package's default: 1 for the very answer; where it is contained in a longer one, the share of the text that
    /// it makes up; else 0.
    /// </summary>
    public static double ExactOrContained(string? answer, string oracle)
    {
        if (string.IsNullOrEmpty(answer))
        {
            return 0;
        }

        return string.Equals(answer, oracle, StringComparison.Ordinal) ? 1 : ContainedShare(answer, oracle);
    }

    /// <summary>
    /// The package's <c>compute_decimal_reward</c> with commas stripped: 1 for an equal <c>Decimal</c>
    /// (<c>+01,000.00</c> is <c>1000</c>);
    /// else as <see cref="ExactOrContained"/>, but without the shortcut for equal texts.
    /// </summary>
    public static double EqualDecimal(string? answer, string oracle)
    {
        if (string.IsNullOrEmpty(answer))
        {
            return 0;
        }

        string given = answer.Replace(",", "", StringComparison.Ordinal);
        string expected = oracle.Replace(",", "", StringComparison.Ordinal);
        bool equal = PythonDecimal.TryParse(given, out PythonDecimal a)
            && PythonDecimal.TryParse(expected, out PythonDecimal b)
            && PythonDecimal.NumericallyEqual(a, b);
        return equal ? 1 : ContainedShare(given, expected);
    }

    private static double ContainedShare(string answer, string oracle)
    {
        // An answer of nothing but commas is empty here; 0/0 raises in Python, and only an empty oracle is contained in
        // it.
        return answer.Contains(oracle, StringComparison.Ordinal)
            ? (double)PythonText.Length(oracle) / PythonText.Length(answer)
            : 0;
    }
}
