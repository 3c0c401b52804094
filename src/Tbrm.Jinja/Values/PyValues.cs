using System;
using System.Collections;
using System.Collections.Generic;

namespace Tbrm.Jinja.Values;

// A template's values are Python's: null is None; bool, long, BigInteger, double and string are themselves; the rest is
// below.

/// <summary>Something that is not there, with what was asked for. Prints as nothing; most uses of it are
/// errors.</summary>
internal sealed class Undefined(string complaint, Func<string, PyError>? error = null)
{
    /// <summary>The exception that using it raises.</summary>
    public PyError Error => (error ?? PyError.Undefined)(complaint);

    /// <summary>A name without a value.</summary>
    public static Undefined Name(string name) => new($"'{name}' is undefined");

    /// <summary>An attribute or item that an object lacks.</summary>
    public static Undefined Of(object? target, object? key)
    {
        return new(key is string name
            ? $"'{PyType.ObjectName(target)}' has no attribute '{name}'"
            : $"{PyType.ObjectName(target)} has no element {PyText.Repr(key)}");
    }
}

/// <summary>A tuple.</summary>
internal sealed class PyTuple(IReadOnlyList<object?> items) : IReadOnlyList<object?>
{
    /// <inheritdoc/>
    public int Count => items.Count;

    /// <inheritdoc/>
    public object? this[int index] => items[index];

    /// <inheritdoc/>
    public IEnumerator<object?> GetEnumerator() => items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A list.</summary>
internal sealed class PyList(IReadOnlyList<object?> items) : IReadOnlyList<object?>
{
    /// <inheritdoc/>
    public int Count => items.Count;

    /// <inheritdoc/>
    public object? this[int index] => items[index];

    /// <inheritdoc/>
    public IEnumerator<object?> GetEnumerator() => items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A dict, in the order of insertion.</summary>
internal sealed class PyDict : IEnumerable<KeyValuePair<object?, object?>>
{
    private static readonly object s_none = new();

    private readonly OrderedDictionary<object, object?> _items = new(PyKeyComparer.Instance);

    /// <summary>How many keys there are.</summary>
    public int Count => _items.Count;

    /// <summary>The keys in order.</summary>
    public IEnumerable<object?> Keys
    {
        get
        {
            foreach (object key in _items.Keys)
            {
                yield return Unwrap(key);
            }
        }
    }

    /// <summary>The value of a key; false when it is not there, an error when such a key cannot be.</summary>
    public bool TryGet(object? key, out object? value) => _items.TryGetValue(Wrap(key), out value);

    /// <summary>Sets the value of a key; a new key goes to the end.</summary>
    public void Set(object? key, object? value) => _items[Wrap(key)] = value;

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<object?, object?>> GetEnumerator()
    {
        foreach (KeyValuePair<object, object?> item in _items)
        {
            yield return new(Unwrap(item.Key), item.Value);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static object Wrap(object? key)
    {
        PyCompare.RequireHashable(key);
        return key ?? s_none;
    }

    private static object? Unwrap(object key) => ReferenceEquals(key, s_none) ? null : key;
}

/// <summary>What dict.keys(), .values() and .items() give: a view that can be walked again and again but not
/// indexed.</summary>
internal sealed class PyDictView(string name, PyDict dict, Func<KeyValuePair<object?, object?>, object?> select)
    : IEnumerable<object?>
{
    /// <summary>dict_keys, dict_values or dict_items.</summary>
    public string Name => name;

    /// <summary>How many items there are.</summary>
    public int Count => dict.Count;

    /// <inheritdoc/>
    public IEnumerator<object?> GetEnumerator()
    {
        foreach (KeyValuePair<object?, object?> item in dict)
        {
            yield return select(item);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A generator or iterator: always true, without a length, and walked only once.</summary>
internal sealed class PyIterator(IEnumerable<object?> items, string typeName = "generator") : IEnumerable<object?>
{
    private readonly IEnumerator<object?> _items = items.GetEnumerator();

    /// <summary>Python's name of its type.</summary>
    public string TypeName => typeName;

    /// <summary>Goes on where the last walk stopped.</summary>
    public IEnumerator<object?> GetEnumerator()
    {
        while (_items.MoveNext())
        {
            yield return _items.Current;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A range of whole numbers.</summary>
internal sealed class PyRange(long start, long stop, long step) : IReadOnlyList<object?>
{
    /// <inheritdoc/>
    public int Count { get; } = Length(start, stop, step);

    /// <inheritdoc/>
    public object? this[int index] => start + (index * step);

    /// <inheritdoc/>
    public IEnumerator<object?> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As Python writes it.</summary>
    public override string ToString() => step == 1 ? $"range({start}, {stop})" : $"range({start}, {stop}, {step})";

    private static int Length(long start, long stop, long step)
    {
        Int128 span = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        Int128 stride = step > 0 ? step : -(Int128)step;
        Int128 count = span <= 0 ? 0 : (span + stride - 1) / stride;
        return count <= MaxCount
            ? (int)count
            : throw new PyError("OverflowError",
                $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxCount}).");
    }

    private const int MaxCount = 100000;
}

/// <summary>namespace(): the one thing that templates may change from an inner scope.</summary>
internal sealed class PyNamespace
{
    /// <summary>Its attributes.</summary>
    public PyDict Attributes { get; } = new();
}

/// <summary>Text that was escaped: joined with other text, that is escaped too.</summary>
internal sealed record PyMarkup(string Text)
{
    /// <summary>The text with the five characters of HTML escaped.</summary>
    public static PyMarkup Escape(string text)
    {
        RenderState.SpendCharacters(text.Length);
        text = text.Replace("&", "&amp;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal)
            .Replace("\"", "&#34;", StringComparison.Ordinal);
        PyOperators.Require(text.Length);
        return new(text);
    }
}

/// <summary>What groupby gives for a group: a tuple whose parts have names.</summary>
internal sealed class PyGroup(object? grouper, PyList list) : IReadOnlyList<object?>
{
    /// <summary>The value that the group has in common.</summary>
    public object? Grouper => grouper;

    /// <summary>Its members.</summary>
    public PyList List => list;

    /// <inheritdoc/>
    public int Count => 2;

    /// <inheritdoc/>
    public object? this[int index] => index == 0 ? grouper : list;

    /// <inheritdoc/>
    public IEnumerator<object?> GetEnumerator()
    {
        yield return grouper;
        yield return list;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A function or bound method.</summary>
internal sealed class PyFunction(string name, Func<CallArguments, object?> call)
{
    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Calls it.</summary>
    public object? Call(CallArguments arguments) => call(arguments);
}

/// <summary>Something with attributes of its own that can also be called: loop, cycler, macros, self.</summary>
internal abstract class PyObject
{
    /// <summary>The attribute; false when there is none.</summary>
    public virtual bool TryGetAttribute(string name, out object? value)
    {
        value = null;
        return false;
    }

    /// <summary>Calls it.</summary>
    public virtual object? Call(CallArguments arguments) => throw PyError.Type($"'{TypeName}' object is not callable");

    /// <summary>Python's name of its type.</summary>
    public abstract string TypeName { get; }

    /// <summary>It can be called.</summary>
    public virtual bool IsCallable => false;
}
