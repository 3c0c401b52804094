using System;
using System.Collections.Generic;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tbrm.Jinja.Values;

/// <summary>Python's equality, order and hashing.</summary>
internal static class PyCompare
{
    /// <summary>left == right.</summary>
    public static bool AreEqual(object? left, object? right)
    {
        if (ReferenceEquals(left, right))
        {
            return left is not double.NaN;
        }

        if (PyType.IsNumber(left) && PyType.IsNumber(right))
        {
            return Numbers(left!, right!) == 0;
        }

        if (PyType.IsText(left, out string a) && PyType.IsText(right, out string b))
        {
            RenderState.SpendCharacters(a.Length == b.Length ? a.Length : 0);
            return a == b;
        }

        return (left, right) switch
        {
            (Undefined, Undefined) => true,
            (PyList or PyTuple or PyGroup, PyList or PyTuple or PyGroup) when left is PyList == right is PyList =>
                AreEqual((IReadOnlyList<object?>)left, (IReadOnlyList<object?>)right),
            (PyRange x, PyRange y) => AreEqual((IReadOnlyList<object?>)x, y),
            (PyDict x, PyDict y) => AreEqual(x, y),
            _ => false,
        };
    }

    /// <summary>Negative, 0 or positive as left is before, at or after right; an error where Python has no
    /// order.</summary>
    public static int Order(object? left, object? right, string symbol)
    {
        if (left is Undefined undefined || (right is Undefined && (undefined = (Undefined)right) != null))
        {
            throw undefined.Error;
        }

        if (PyType.IsNumber(left) && PyType.IsNumber(right))
        {
            return Numbers(left!, right!);
        }

        if (PyType.IsText(left, out string a) && PyType.IsText(right, out string b))
        {
            return CodePoints(a, b);
        }

        if ((left, right) is (PyList or PyTuple or PyGroup, PyList or PyTuple or PyGroup)
            && left is PyList == right is PyList)
        {
            return Lists((IReadOnlyList<object?>)left!, (IReadOnlyList<object?>)right!, symbol);
        }

        throw PyError.Type(
            $"'{symbol}' not supported between instances of '{PyType.Name(left)}' and '{PyType.Name(right)}'");
    }

    /// <summary>NaN compares false with everything: Order cannot say so.</summary>
    public static bool HasNaN(object? left, object? right) => left is double.NaN || right is double.NaN;

    /// <summary>item in container.</summary>
    public static bool Contains(object? container, object? item)
    {
        if (PyType.IsText(container, out string text))
        {
            return PyType.IsText(item, out string part)
                ? TextSearch.IndexOf(text, part) >= 0
                : throw PyError.Type($"'in <string>' requires string as left operand, not {PyType.Name(item)}");
        }

        switch (container)
        {
            case PyDict dict:
                return dict.TryGet(item, out _);
            case Undefined:
                return false;
            case PyNamespace:
            case null:
                throw PyError.Type($"argument of type '{PyType.Name(container)}' is not iterable");
            default:
                if (!PyType.IsIterable(container))
                {
                    throw PyError.Type($"argument of type '{PyType.Name(container)}' is not iterable");
                }

                foreach (object? candidate in PyType.Iterate(container))
                {
                    if (AreEqual(candidate, item))
                    {
                        return true;
                    }
                }

                return false;
        }
    }

    /// <summary>Fails for values that cannot be keys.</summary>
    public static void RequireHashable(object? value)
    {
        if (value is PyList or PyDict)
        {
            throw PyError.Type($"unhashable type: '{PyType.Name(value)}'");
        }

        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (object? item in value as PyTuple ?? (IEnumerable<object?>)[])
        {
            RenderState.SpendItems(1);
            RequireHashable(item);
        }
    }

    private static bool AreEqual(IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        RuntimeHelpers.EnsureSufficientExecutionStack();
        for (int i = 0; i < left.Count; i++)
        {
            RenderState.SpendItems(1);
            if (!AreEqual(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AreEqual(PyDict left, PyDict right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach ((object? key, object? value) in left)
        {
            RenderState.SpendItems(1);
            if (!right.TryGet(key, out object? other) || !AreEqual(value, other))
            {
                return false;
            }
        }

        return true;
    }

    private static int Lists(IReadOnlyList<object?> left, IReadOnlyList<object?> right, string symbol)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            RenderState.SpendItems(1);
            if (!AreEqual(left[i], right[i]))
            {
                return Order(left[i], right[i], symbol);
            }
        }

        return left.Count.CompareTo(right.Count);
    }

    /// <summary>By code points: ordinal comparison of UTF-16 would put astral characters before U+E000.</summary>
    private static int CodePoints(string left, string right)
    {
        RenderState.SpendCharacters(Math.Min(left.Length, right.Length));
        for (int i = 0; i < Math.Min(left.Length, right.Length); i++)
        {
            if (left[i] != right[i])
            {
                return char.IsSurrogate(left[i]) == char.IsSurrogate(right[i])
                    ? left[i].CompareTo(right[i])
                    : char.IsSurrogate(left[i]) ? 1 : -1;
            }
        }

        return left.Length.CompareTo(right.Length);
    }

    private static int Numbers(object left, object right)
    {
        if (left is double || right is double)
        {
            double a = PyNumber.ToDouble(left);
            double b = PyNumber.ToDouble(right);
            bool exact = Math.Abs(a) < 9e15 || Math.Abs(b) < 9e15 || !double.IsFinite(a) || !double.IsFinite(b);
            return exact ? double.IsNaN(a) || double.IsNaN(b) ? 1 : a.CompareTo(b)
                : Exact(left).CompareTo(Exact(right));
        }

        return PyNumber.ToBig(left).CompareTo(PyNumber.ToBig(right));
    }

    private static BigInteger Exact(object value) => value is double number ? new BigInteger(number)
        : PyNumber.ToBig(value);
}

/// <summary>Equality of dict keys: 1, 1.0 and True are the same key.</summary>
internal sealed class PyKeyComparer : IEqualityComparer<object>
{
    /// <summary>The comparer.</summary>
    public static PyKeyComparer Instance { get; } = new();

    /// <inheritdoc/>
    public new bool Equals(object? x, object? y) => PyCompare.AreEqual(x, y);

    /// <inheritdoc/>
    public int GetHashCode(object obj)
    {
        switch (obj)
        {
            case string or PyMarkup:
                string text = PyText.Str(obj);
                RenderState.SpendCharacters(text.Length);
                return text.GetHashCode(StringComparison.Ordinal);
            case bool or long or BigInteger or double:
                return PyNumber.ToDouble(obj).GetHashCode();
            case PyTuple tuple:
                RuntimeHelpers.EnsureSufficientExecutionStack();
                HashCode hash = default;
                foreach (object? item in tuple)
                {
                    RenderState.SpendItems(1);
                    hash.Add(item == null ? 0 : GetHashCode(item));
                }

                return hash.ToHashCode();
            case Undefined:
                // They are all equal.
                return 0;
            default:
                return RuntimeHelpers.GetHashCode(obj);
        }
    }
}
