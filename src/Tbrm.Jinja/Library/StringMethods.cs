using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The methods of str.</summary>
internal static class StringMethods
{
    private delegate object? Method(string text, CallArguments arguments);

    private static readonly Dictionary<string, Method> s_methods = new()
    {
        ["capitalize"] = (s, a) => None(a, PyString.Capitalize(s)),
        ["casefold"] = (s, a) => None(a, PyString.Lower(s).Replace("ß", "ss", StringComparison.Ordinal)),
        ["center"] = (s, a) => Justify(s, a, "center"),
        ["count"] = Count,
        ["endswith"] = (s, a) => Affix(s, a, atStart: false),
        ["expandtabs"] = (s, a) => ExpandTabs(s, a.Bind("expandtabs", 0, "tabsize")[0].IndexOr(8)),
        ["find"] = (s, a) => Find(s, a, fromEnd: false),
        ["format"] = BraceFormat.Apply,
        ["format_map"] = (s, a) =>
            BraceFormat.Apply(s, new CallArguments([], Mapping(a.BindPositional("format_map", 1, "mapping")[0]))),
        ["index"] = (s, a) => Index(s, a, fromEnd: false),
        ["isalnum"] = (s, a) => All(s, a, r => Rune.IsLetter(r) || IsNumeric(r)),
        ["isalpha"] = (s, a) => All(s, a, Rune.IsLetter),
        ["isascii"] = (s, a) => None(a, Ascii.IsValid(s)),
        ["isdecimal"] = (s, a) => All(s, a, r => Rune.GetUnicodeCategory(r) == UnicodeCategory.DecimalDigitNumber),
        ["isdigit"] = (s, a) => All(s, a, IsDigit),
        ["isidentifier"] = (s, a) => None(a, PyString.IsIdentifier(s)),
        ["islower"] = (s, a) => None(a, IsCased(s, lower: true)),
        ["isnumeric"] = (s, a) => All(s, a, IsNumeric),
        ["isprintable"] = (s, a) => None(a, s.EnumerateRunes().All(PyString.IsPrintable)),
        ["isspace"] = (s, a) => None(a, s.Length > 0 && s.All(PyString.IsSpace)),
        ["istitle"] = (s, a) => None(a, s != "" && Title(s) == s && s.EnumerateRunes().Any(Rune.IsLetter)),
        ["isupper"] = (s, a) => None(a, IsCased(s, lower: false)),
        ["join"] = (s, a) => Join(s, a.BindPositional("join", 1, "iterable")[0]),
        ["ljust"] = (s, a) => Justify(s, a, "ljust"),
        ["lower"] = (s, a) => None(a, PyString.Lower(s)),
        ["lstrip"] = (s, a) => PyString.Strip(s, Characters(a, "lstrip"), true, false),
        ["partition"] = (s, a) => Partition(s, a, fromEnd: false),
        ["removeprefix"] = (s, a) => RemovePrefix(s, a.BindPositional("removeprefix", 1, "prefix")[0].Text("prefix")),
        ["removesuffix"] = (s, a) => RemoveSuffix(s, a.BindPositional("removesuffix", 1, "suffix")[0].Text("suffix")),
        ["replace"] = Replace,
        ["rfind"] = (s, a) => Find(s, a, fromEnd: true),
        ["rindex"] = (s, a) => Index(s, a, fromEnd: true),
        ["rjust"] = (s, a) => Justify(s, a, "rjust"),
        ["rpartition"] = (s, a) => Partition(s, a, fromEnd: true),
        ["rsplit"] = (s, a) => StringSplitting.Split(s, a, fromEnd: true),
        ["rstrip"] = (s, a) => PyString.Strip(s, Characters(a, "rstrip"), false, true),
        ["split"] = (s, a) => StringSplitting.Split(s, a, fromEnd: false),
        ["splitlines"] = (s, a) =>
            new PyList([.. PyString.Lines(s, PyType.IsTrue(a.Bind("splitlines", 0, "keepends")[0].Or(false)))]),
        ["startswith"] = (s, a) => Affix(s, a, atStart: true),
        ["strip"] = (s, a) => PyString.Strip(s, Characters(a, "strip"), true, true),
        ["swapcase"] = (s, a) =>
            None(a, string.Concat(
            PyString.Characters(s).Select(c => PyString.Upper(c) == c ? PyString.Lower(c) : PyString.Upper(c)))),
        ["title"] = (s, a) => None(a, Title(s)),
        ["upper"] = (s, a) => None(a, PyString.Upper(s)),
        ["zfill"] = (s, a) => ZeroFill(s, PyNumber.ToIndex(a.BindPositional("zfill", 1, "width")[0])),
    };

    /// <summary>The bound method; null when str has none of that name.</summary>
    public static PyFunction? Find(string text, string name)
    {
        return s_methods.TryGetValue(name, out Method? method)
            ? new PyFunction(name, arguments => method(text, arguments)) : null;
    }

    /// <summary>separator.join(items).</summary>
    public static string Join(string separator, object? items)
    {
        StringBuilder output = new();
        int index = 0;
        foreach (object? item in PyType.Iterate(items))
        {
            string text = PyType.IsText(item, out string found)
                ? found
                : throw PyError.Type($"sequence item {index}: expected str instance, {PyType.Name(item)} found");
            PyOperators.Require((long)output.Length + separator.Length + text.Length);
            RenderState.SpendCharacters(separator.Length + text.Length);
            output.Append(index++ > 0 ? separator : "").Append(text);
        }

        return output.ToString();
    }

    /// <summary>str.title().</summary>
    public static string Title(string text)
    {
        StringBuilder output = new();
        bool inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            string c = rune.ToString();
            output.Append(inside ? PyString.Lower(c) : PyString.Upper(c));
            inside = Rune.IsLetter(rune)
                && (Rune.ToUpperInvariant(rune) != rune || Rune.ToLowerInvariant(rune) != rune);
        }

        return output.ToString();
    }

    private static object? None(CallArguments arguments, object? value)
    {
        arguments.BindPositional("method", 0);
        return value;
    }

    private static object? All(string text, CallArguments arguments, Func<Rune, bool> predicate)
    {
        return None(arguments, text.Length > 0 && text.EnumerateRunes().All(rune => predicate(rune)));
    }

    private static bool IsNumeric(Rune rune)
    {
        return Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
            or UnicodeCategory.OtherNumber || (rune.IsBmp && char.IsLetter((char)rune.Value)
                && CharUnicodeInfo.GetNumericValue((char)rune.Value) >= 0);
    }

    private static bool IsDigit(Rune rune)
    {
        return Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber
            || (rune.IsBmp && CharUnicodeInfo.GetDigitValue((char)rune.Value) >= 0);
    }

    private static bool IsCased(string text, bool lower)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (category == (lower ? UnicodeCategory.UppercaseLetter : UnicodeCategory.LowercaseLetter)
                || category == UnicodeCategory.TitlecaseLetter)
            {
                return false;
            }

            any |= category == (lower ? UnicodeCategory.LowercaseLetter : UnicodeCategory.UppercaseLetter);
        }

        return any;
    }

    private static OrderedDictionary<string, object?> Mapping(object? value)
    {
        OrderedDictionary<string, object?> names = [];
        foreach ((object? key, object? item) in value as PyDict ?? throw PyError.Type("format_map() needs a dict"))
        {
            names[PyText.Str(key)] = item;
        }

        return names;
    }

    private static string? Characters(CallArguments arguments, string method)
    {
        object? characters = arguments.BindPositional(method, 0, "chars")[0].Or(null);
        return characters == null ? null : characters.Text($"{method} arg");
    }

    private static object? Affix(string text, CallArguments arguments, bool atStart)
    {
        object?[] bound = arguments.BindPositional(atStart ? "startswith" : "endswith", 1, "prefix", "start", "end");
        (int from, int to) = Range(text, bound[1].Or(null), bound[2].Or(null));
        string part = from <= to ? text[from..to] : "\0";
        IEnumerable<object?> candidates = bound[0] is PyTuple tuple ? tuple : [bound[0]];
        return candidates.Any(candidate =>
        {
            string affix = candidate.Text($"{(atStart ? "startswith" : "endswith")} first arg");
            return from <= to
                && (atStart ? part.StartsWith(affix, StringComparison.Ordinal)
                : part.EndsWith(affix, StringComparison.Ordinal));
        });
    }

    /// <summary>The units that [start:end] means.</summary>
    private static (int From, int To) Range(string text, object? start, object? end)
    {
        int length = PyString.Length(text);
        return (PyString.UnitIndex(text, Clip(start, 0, length)), PyString.UnitIndex(text, Clip(end, length, length)));
    }

    private static int Clip(object? value, int fallback, int length)
    {
        long index = value == null ? fallback : PyNumber.ToIndex(value);
        return (int)Math.Clamp(index < 0 ? index + length : index, 0, length);
    }

    private static object? Find(string text, CallArguments arguments, bool fromEnd)
    {
        object?[] bound = arguments.BindPositional(fromEnd ? "rfind" : "find", 1, "sub", "start", "end");
        (int from, int to) = Range(text, bound[1].Or(null), bound[2].Or(null));
        string wanted = bound[0].Text("sub");
        int found = from > to ? -1 : fromEnd
            ? TextSearch.LastIndexOf(text[from..to], wanted, to - from)
            : TextSearch.IndexOf(text[from..to], wanted);
        return found < 0 ? -1L : (long)PyString.CodePointIndex(text, from + found);
    }

    private static object? Index(string text, CallArguments arguments, bool fromEnd)
    {
        object? found = Find(text, arguments, fromEnd);
        return found is -1L ? throw PyError.Value("substring not found") : found;
    }

    private static object? Count(string text, CallArguments arguments)
    {
        object?[] bound = arguments.BindPositional("count", 1, "sub", "start", "end");
        (int from, int to) = Range(text, bound[1].Or(null), bound[2].Or(null));
        string wanted = bound[0].Text("sub");
        string part = from <= to ? text[from..to] : "";
        if (wanted.Length == 0)
        {
            return from <= to ? PyString.Length(part) + 1L : 0L;
        }

        long count = 0;
        for (int at = TextSearch.IndexOf(part, wanted); at >= 0; at = TextSearch.IndexOf(
            part, wanted, at + wanted.Length))
        {
            count++;
        }

        return count;
    }

    private static string Replace(string text, CallArguments arguments)
    {
        object?[] bound = arguments.BindPositional("replace", 2, "old", "new", "count");
        return StringSplitting.Replace(text, bound[0].Text("replace() argument 1"),
            bound[1].Text("replace() argument 2"), bound[2].IndexOr(-1));
    }

    private static string Justify(string text, CallArguments arguments, string method)
    {
        object?[] bound = arguments.BindPositional(method, 1, "width", "fillchar");
        int width = PyNumber.ToIndex(bound[0]);
        string fill = bound[1].Or(" ").Text("fillchar");
        PyOperators.Require(width);
        int missing = Math.Max(0, width - PyString.Length(text));
        int left = method switch { "ljust" => 0, "rjust" => missing, _ => (missing / 2) + (missing & width & 1) };
        return PyString.Length(fill) == 1
            ? new StringBuilder().Insert(0, fill, left).Append(text)
                .Append(new StringBuilder().Insert(0, fill, missing - left)).ToString()
            : throw PyError.Type("The fill character must be exactly one character long");
    }

    private static PyTuple Partition(string text, CallArguments arguments, bool fromEnd)
    {
        string separator = arguments.BindPositional("partition", 1, "sep")[0].Text("sep");
        if (separator.Length == 0)
        {
            throw PyError.Value("empty separator");
        }

        int at = fromEnd ? TextSearch.LastIndexOf(text, separator, text.Length) : TextSearch.IndexOf(text, separator);
        return at >= 0 ? new PyTuple([text[..at], separator, text[(at + separator.Length)..]])
            : fromEnd ? new PyTuple(["", "", text]) : new PyTuple([text, "", ""]);
    }

    private static string RemovePrefix(string text, string prefix) => text.StartsWith(prefix, StringComparison.Ordinal)
        ? text[prefix.Length..] : text;

    private static string RemoveSuffix(string text, string suffix) => text.EndsWith(suffix, StringComparison.Ordinal)
        ? text[..^suffix.Length] : text;

    private static string ZeroFill(string text, int width)
    {
        PyOperators.Require(width);
        int missing = width - PyString.Length(text);
        int sign = text.StartsWith('+') || text.StartsWith('-') ? 1 : 0;
        return missing <= 0 ? text : text[..sign] + new string('0', missing) + text[sign..];
    }

    private static string ExpandTabs(string text, int size)
    {
        PyOperators.Require(((long)Math.Max(0, size) * text.Count(c => c == '\t')) + text.Length);
        StringBuilder output = new();
        int column = 0;
        foreach (string c in PyString.Characters(text))
        {
            int width = c == "\t" ? size > 0 ? size - (column % size) : 0 : 1;
            output.Append(c == "\t" ? new string(' ', width) : c);
            column = c is "\n" or "\r" ? 0 : column + width;
        }

        return output.ToString();
    }
}
