using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The filters that order, group and cut sequences.</summary>
internal static class SequenceFilters
{
    /// <summary>By name.</summary>
    public static IReadOnlyDictionary<string, Filter> All { get; } = new Dictionary<string, Filter>
    {
        ["batch"] = (_, v, a) => new PyIterator(Batch(v, a.Bind("batch", 1, "linecount", "fill_with"))),
        ["dictsort"] = (_, v, a) => DictSort(v, a.Bind("dictsort", 0, "case_sensitive", "by", "reverse")),
        ["first"] = (_, v, a) => First(v, a),
        ["groupby"] = (_, v, a) => GroupBy(v, a.Bind("groupby", 1, "attribute", "default", "case_sensitive")),
        ["items"] = (_, v, a) => Items(v, a),
        ["join"] = (_, v, a) => Join(v, a.Bind("join", 0, "d", "attribute")),
        ["last"] = (_, v, a) => Last(v, a),
        ["list"] = (_, v, a) => Plain(a, new PyList([.. PyType.Iterate(v)])),
        ["max"] = (_, v, a) => Extreme(v, a.Bind("max", 0, "case_sensitive", "attribute"), 1),
        ["min"] = (_, v, a) => Extreme(v, a.Bind("min", 0, "case_sensitive", "attribute"), -1),
        ["random"] = (_, _, _) =>
            throw PyError.Type("the filter random is not supported: a prompt must be the same each time"),
        ["reverse"] = (_, v, a) => Plain(a, Reverse(v)),
        ["slice"] = (_, v, a) => new PyIterator(Slice(v, a.Bind("slice", 1, "slices", "fill_with"))),
        ["sort"] = (_, v, a) => Sort(v, a.Bind("sort", 0, "reverse", "case_sensitive", "attribute")),
        ["unique"] = (_, v, a) => new PyIterator(Unique(v, a.Bind("unique", 0, "case_sensitive", "attribute"))),
    };

    private static object? Plain(CallArguments arguments, object? value)
    {
        arguments.Bind("filter", 0);
        return value;
    }

    private static IEnumerable<object?> Batch(object? value, object?[] bound)
    {
        int size = PyNumber.ToIndex(bound[0]);
        List<object?> batch = [];
        foreach (object? item in PyType.Iterate(value))
        {
            if (batch.Count == size)
            {
                yield return new PyList(batch);
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count > 0)
        {
            object? fill = bound[1].Or(null);
            PyOperators.Require(size);
            while (fill != null && batch.Count < size)
            {
                batch.Add(fill);
            }

            yield return new PyList(batch);
        }
    }

    private static IEnumerable<object?> Slice(object? value, object?[] bound)
    {
        List<object?> items = [.. PyType.Iterate(value)];
        int slices = PyNumber.ToIndex(bound[0]);
        PyOperators.Require(slices);
        if (slices <= 0)
        {
            throw new PyError("ZeroDivisionError", "integer division or modulo by zero");
        }

        int size = items.Count / slices;
        int longer = items.Count % slices;
        int start = 0;
        for (int i = 0; i < slices; i++)
        {
            List<object?> part = items.GetRange(start, size + (i < longer ? 1 : 0));
            start += part.Count;
            if (bound[1].Or(null) is object fill && i >= longer)
            {
                part.Add(fill);
            }

            yield return new PyList(part);
        }
    }

    private static PyList DictSort(object? value, object?[] bound)
    {
        bool caseSensitive = PyType.IsTrue(bound[0].Or(false));
        int position = bound[1].Or("key") switch
        {
            "key" => 0,
            "value" => 1,
            _ => throw new PyError("FilterArgumentError", "You can only sort by either \"key\" or \"value\""),
        };
        PyDict dict = value as PyDict ?? throw PyError.Type($"'{PyType.Name(value)}' object has no attribute 'items'");
        IEnumerable<object?> pairs = dict.Select(item => (object?)new PyTuple([item.Key, item.Value]));
        return new PyList(Ordered(
            pairs, item => Key(((PyTuple)item!)[position], caseSensitive), PyType.IsTrue(bound[2].Or(false))));
    }

    private static object? First(object? value, CallArguments arguments)
    {
        arguments.Bind("first", 0);
        foreach (object? item in PyType.Iterate(value))
        {
            return item;
        }

        return new Undefined("No first item, sequence was empty.");
    }

    private static object? Last(object? value, CallArguments arguments)
    {
        arguments.Bind("last", 0);
        if (value is PyIterator)
        {
            throw PyError.Type("'generator' object is not reversible");
        }

        List<object?> items = [.. PyType.Iterate(value)];
        return items.Count > 0 ? items[^1] : new Undefined("No last item, sequence was empty.");
    }

    private static PyIterator Items(object? value, CallArguments arguments)
    {
        arguments.Bind("items", 0);
        return value switch
        {
            Undefined => new PyIterator([]),
            PyDict dict => new PyIterator(dict.Select(item => new PyTuple([item.Key, item.Value]))),
            _ => throw PyError.Type("Can only get item pairs from a mapping."),
        };
    }

    private static string Join(object? value, object?[] bound)
    {
        object? separator = bound[0].Or("");
        object? attribute = bound[1].Or(null);
        IEnumerable<object?> items = PyType.Iterate(value)
            .Select(item => attribute == null ? item : AttributePath.Get(item, attribute));
        return StringMethods.Join(PyText.Str(separator),
            new PyList([.. items.Select(item => (object?)PyText.Str(item))]));
    }

    private static object Reverse(object? value)
    {
        if (PyType.IsText(value, out string text))
        {
            List<string> characters = PyString.Characters(text);
            characters.Reverse();
            return string.Concat(characters);
        }

        if (!PyType.IsIterable(value))
        {
            throw new PyError("FilterArgumentError", "argument must be iterable");
        }

        List<object?> items = [.. PyType.Iterate(value)];
        items.Reverse();
        return value is PyIterator ? new PyList(items) : new PyIterator(items, "reversed");
    }

    private static object? Extreme(object? value, object?[] bound, int sign)
    {
        bool caseSensitive = PyType.IsTrue(bound[0].Or(false));
        object? attribute = bound[1].Or(null);
        object? best = CallArguments.Missing;
        object? bestKey = null;
        foreach (object? item in PyType.Iterate(value))
        {
            object? key = Key(attribute == null ? item : AttributePath.Get(item, attribute), caseSensitive);
            if (!best.IsGiven() || sign * PyCompare.Order(key, bestKey, sign > 0 ? ">" : "<") > 0)
            {
                (best, bestKey) = (item, key);
            }
        }

        return best.Or(new Undefined("No aggregated item, sequence was empty."));
    }

    private static PyList Sort(object? value, object?[] bound)
    {
        bool caseSensitive = PyType.IsTrue(bound[1].Or(false));
        string? attributes = bound[2].Or(null) is object given ? PyText.Str(given) : null;
        return new PyList(Ordered(
            PyType.Iterate(value), item =>
            SortKey(item, attributes, caseSensitive), PyType.IsTrue(bound[0].Or(false))));
    }

    /// <summary>Several attributes with commas between them sort by the first, then the second; equal parts are never
    /// ordered.</summary>
    private static object? SortKey(object? item, string? attributes, bool caseSensitive)
    {
        return attributes == null
            ? new PyTuple([Key(item, caseSensitive)])
            : new PyTuple([.. attributes.Split(',').Select(path => Key(AttributePath.Get(item, path), caseSensitive))]);
    }

    private static IEnumerable<object?> Unique(object? value, object?[] bound)
    {
        bool caseSensitive = PyType.IsTrue(bound[0].Or(false));
        object? attribute = bound[1].Or(null);
        PyDict seen = new();
        foreach (object? item in PyType.Iterate(value))
        {
            object? key = Key(attribute == null ? item : AttributePath.Get(item, attribute), caseSensitive);
            if (!seen.TryGet(key, out _))
            {
                seen.Set(key, true);
                yield return item;
            }
        }
    }

    private static PyList GroupBy(object? value, object?[] bound)
    {
        object? attribute = bound[0];
        object? fallback = bound[1].Or(null);
        bool caseSensitive = PyType.IsTrue(bound[2].Or(false));
        List<object?> sorted = Ordered(
            PyType.Iterate(value), item =>
                Key(AttributePath.Get(item, attribute, fallback), caseSensitive), reverse: false);
        List<object?> groups = [];
        List<object?> members = [];
        object? current = null;
        foreach (object? item in sorted)
        {
            object? key = Key(AttributePath.Get(item, attribute, fallback), caseSensitive);
            if (members.Count == 0 || !PyCompare.AreEqual(key, current))
            {
                members = [];
                object? first = AttributePath.Get(item, attribute, fallback);
                groups.Add(new PyGroup(first, new PyList(members)));
                current = key;
            }

            members.Add(item);
        }

        return new PyList(groups);
    }

    private static object? Key(object? value, bool caseSensitive)
    {
        return !caseSensitive && PyType.IsText(value, out string text) ? PyString.Lower(text) : value;
    }

    /// <summary>A stable sort; in reverse, equal items keep their order too, as Python's do.</summary>
    private static List<object?> Ordered(IEnumerable<object?> items, Func<object?, object?> key, bool reverse)
    {
        Comparer<object?> comparer = Comparer<object?>.Create((a, b) => PyCompare.Order(a, b, "<"));
        List<(object? Item, object? Key)> keyed = [.. items.Select(item => (item, key(item)))];
        try
        {
            return [.. (reverse ? keyed.OrderByDescending(pair => pair.Key, comparer)
                : keyed.OrderBy(pair => pair.Key, comparer)).Select(pair => pair.Item)];
        }
        catch (InvalidOperationException e) when (e.InnerException is PyError inner)
        {
            throw inner;
        }
    }
}
