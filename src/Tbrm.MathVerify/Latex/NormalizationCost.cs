using System;

namespace Tbrm.MathVerify.Latex;

/// <summary>
/// An upper bound of what the regular expressions of <see cref="LatexNormalizer"/> take on a text, in steps of a
/// budget. They backtrack: a lazy
/// <c>\frac{.*?}</c> looks at every later brace, white space before a word is tried from each of its blanks. Nothing
/// can be counted inside
/// them, so what they could take is paid for before they run.
/// </summary>
internal static class NormalizationCost
{
    public static long Of(string text)
    {
        long blanks = 0, run = 0, braces = 0;
        foreach (char c in text)
        {
            run = char.IsWhiteSpace(c) ? run + 1 : 0;
            blanks += run;
            braces += c == '}' ? 1 : 0;
        }

        // What is looked for behind each of these reaches to the end of the text in the worst case.
        long fractions = Count(text, @"\frac"), words = Count(text, @"\text")
            + Count(text, @"\mbox"), open = Count(text, "^") + Count(text, "sqrt");
        return 4L * text.Length + blanks / 8 + (fractions + words) * braces * 2 + (open + fractions) * text.Length / 64;
    }

    private static int Count(string text, string part) => text.AsSpan().Count(part);
}
