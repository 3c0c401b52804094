using System;

namespace Tbrm.Verify.Graders;

/// <summary>The last box of a text, by the two rules that verl's graders use.</summary>
internal static class LatexBoxes
{
    /// <summary>The content of the last <c>\boxed{...}</c>; null when there is none or it never closes.</summary>
    public static string? LastContent(string text)
    {
        int start = text.LastIndexOf(@"\boxed{", StringComparison.Ordinal);
        int end = start < 0 ? -1 : ClosingBrace(text, start);
        return end < 0 ? null : text[(start + 7)..end];
    }

    /// <summary>As <see cref="LastContent"/>, but <c>\boxed x$</c> counts as well, as in hendrycks' MATH.</summary>
    public static string? LastContentOrBare(string text)
    {
        int bare = text.LastIndexOf(@"\boxed ", StringComparison.Ordinal);
        if (bare >= 0)
        {
            return text[(bare + 7)..].Split('$')[0];
        }

        int start = text.LastIndexOf(@"\boxed", StringComparison.Ordinal);
        if (start < 0 || string.CompareOrdinal(text, start, @"\boxed{", 0, 7) != 0)
        {
            return null;
        }

        return LastContent(text);
    }

    private static int ClosingBrace(string text, int start)
    {
        int depth = 0;
        for (int i = start; i < text.Length; i++)
        {
            depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
            if (text[i] == '}' && depth == 0)
            {
                return i;
            }
        }

        return -1;
    }
}
