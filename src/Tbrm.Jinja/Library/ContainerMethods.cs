using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The methods of dict, list, tuple and the numbers that change nothing.</summary>
internal static class ContainerMethods
{
    /// <summary>A method of dict; null when it has none of that name.</summary>
    public static PyFunction? Find(PyDict dict, string name)
    {
        Func<CallArguments, object?>? method = name switch
        {
            "get" => a => Get(dict, a.BindPositional("get", 1, "key", "default")),
            "items" => a => Empty(a, new PyDictView("dict_items", dict, item => new PyTuple([item.Key, item.Value]))),
            "keys" => a => Empty(a, new PyDictView("dict_keys", dict, item => item.Key)),
            "values" => a => Empty(a, new PyDictView("dict_values", dict, item => item.Value)),
            "copy" => a => Empty(a, dict),
            _ => null,
        };
        return method == null ? null : new PyFunction(name, method);
    }

    /// <summary>A method of list or tuple; null when it has none of that name.</summary>
    public static PyFunction? Find(IReadOnlyList<object?> items, string name)
    {
        Func<CallArguments, object?>? method = name switch
        {
            "count" => a => Count(items, a.BindPositional("count", 1, "value")[0]),
            "index" => a => Index(items, a.BindPositional("index", 1, "value", "start", "stop")),
            "copy" when items is PyList => a => Empty(a, items),
            _ => null,
        };
        return method == null ? null : new PyFunction(name, method);
    }

    /// <summary>A method or attribute of a number; null when it has none of that name.</summary>
    public static object? FindNumeric(object number, string name) => (number, name) switch
    {
        (double real, "is_integer") =>
            new PyFunction(name, a => Empty(a, real == Math.Floor(real) && double.IsFinite(real))),
        (double, "real") => number,
        (not double, "real" or "numerator") => PyNumber.Normalize(PyNumber.ToBig(number)),
        (not double, "imag") => 0L,
        (not double, "denominator") => 1L,
        (not double, "bit_length") =>
            new PyFunction(name, a => Empty(a, (long)BigInteger.Abs(PyNumber.ToBig(number)).GetBitLength())),
        _ => null,
    };

    private static object? Empty(CallArguments arguments, object? value)
    {
        arguments.BindPositional("method", 0);
        return value;
    }

    private static object? Get(PyDict dict, object?[] bound) => dict.TryGet(bound[0], out object? value) ? value
        : bound[1].Or(null);

    private static object? Count(IReadOnlyList<object?> items, object? wanted) =>
        (long)items.Count(item => PyCompare.AreEqual(item, wanted));

    private static object? Index(IReadOnlyList<object?> items, object?[] bound)
    {
        int start = bound[1].IndexOr(0);
        int stop = bound[2].IndexOr(int.MaxValue);
        start = start < 0 ? Math.Max(0, start + items.Count) : start;
        stop = stop < 0 ? stop + items.Count : Math.Min(stop, items.Count);
        for (int i = start; i < stop; i++)
        {
            if (PyCompare.AreEqual(items[i], bound[0]))
            {
                return (long)i;
            }
        }

        throw PyError.Value($"{PyText.Repr(bound[0])} is not in list");
    }
}
