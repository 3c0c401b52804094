using System.Collections.Generic;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>str.split, str.rsplit and str.replace.</summary>
internal static class StringSplitting
{
    /// <summary>split(sep=None, maxsplit=-1), from the left or the right.</summary>
    public static PyList Split(string text, CallArguments arguments, bool fromEnd)
    {
        object?[] bound = arguments.Bind(fromEnd ? "rsplit" : "split", 0, "sep", "maxsplit");
        int most = bound[1].IndexOr(-1);
        most = most < 0 ? int.MaxValue : most;
        object? separator = bound[0].Or(null);
        List<string> parts = separator == null
            ? fromEnd ? AtSpacesFromEnd(text, most) : AtSpaces(text, most)
            : At(text, separator.Text("sep"), most, fromEnd);
        return new PyList([.. parts]);
    }

    /// <summary>replace(old, new, count); a negative count is all.</summary>
    public static string Replace(string text, string old, string replacement, int count)
    {
        int most = count < 0 ? int.MaxValue : count;
        StringBuilder output = new();
        int start = 0;
        if (old.Length == 0)
        {
            List<string> characters = PyString.Characters(text);
            for (int i = 0; i <= characters.Count; i++)
            {
                output.Append(i < most ? replacement : "").Append(i < characters.Count ? characters[i] : "");
                PyOperators.Require(output.Length);
            }

            return output.ToString();
        }

        for (int at; most > 0 && (at = TextSearch.IndexOf(text, old, start)) >= 0;)
        {
            output.Append(text, start, at - start).Append(replacement);
            PyOperators.Require(output.Length);
            start = at + old.Length;
            most--;
        }

        return output.Append(text, start, text.Length - start).ToString();
    }

    private static List<string> At(string text, string separator, int most, bool fromEnd)
    {
        if (separator.Length == 0)
        {
            throw PyError.Value("empty separator");
        }

        List<string> parts = [];
        if (!fromEnd)
        {
            int start = 0;
            for (int at; parts.Count < most
                && (at = TextSearch.IndexOf(text, separator, start)) >= 0; start = at + separator.Length)
            {
                parts.Add(text[start..at]);
            }

            parts.Add(text[start..]);
            return parts;
        }

        int end = text.Length;
        for (int at; parts.Count < most && (at = TextSearch.LastIndexOf(text, separator, end)) >= 0; end = at)
        {
            parts.Add(text[(at + separator.Length)..end]);
        }

        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    private static List<string> AtSpaces(string text, int most)
    {
        List<string> parts = [];
        int at = 0;
        while (true)
        {
            while (at < text.Length && PyString.IsSpace(text[at]))
            {
                at++;
            }

            if (at == text.Length)
            {
                return parts;
            }

            if (parts.Count == most)
            {
                parts.Add(text[at..]);
                return parts;
            }

            int start = at;
            while (at < text.Length && !PyString.IsSpace(text[at]))
            {
                at++;
            }

            parts.Add(text[start..at]);
        }
    }

    private static List<string> AtSpacesFromEnd(string text, int most)
    {
        List<string> parts = [];
        int at = text.Length;
        while (true)
        {
            while (at > 0 && PyString.IsSpace(text[at - 1]))
            {
                at--;
            }

            if (at == 0)
            {
                break;
            }

            if (parts.Count == most)
            {
                parts.Add(text[..at]);
                break;
            }

            int end = at;
            while (at > 0 && !PyString.IsSpace(text[at - 1]))
            {
                at--;
            }

            parts.Add(text[at..end]);
        }

        parts.Reverse();
        return parts;
    }
}
