using System.Collections.Generic;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tbrm.Jinja.Values;

/// <summary>Names and kinds of values.</summary>
internal static class PyType
{
    /// <summary>Python's name of the value's type.</summary>
    public static string Name(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        PyMarkup => "Markup",
        PyList => "list",
        PyTuple => "tuple",
        PyGroup => "_GroupTuple",
        PyDict => "dict",
        PyDictView view => view.Name,
        PyIterator iterator => iterator.TypeName,
        PyRange => "range",
        PyNamespace => "Namespace",
        Undefined => "Undefined",
        PyFunction => "function",
        PyObject other => other.TypeName,
        _ => value.GetType().Name,
    };

    /// <summary>How Jinja's messages call an object.</summary>
    public static string ObjectName(object? value) => value is null ? "None" : $"{Name(value)} object";

    /// <summary>An int or a bool, which is one.</summary>
    public static bool IsInteger(object? value) => value is long or BigInteger or bool;

    /// <summary>An int, bool or float.</summary>
    public static bool IsNumber(object? value) => value is double || IsInteger(value);

    /// <summary>Text, escaped or not.</summary>
    public static bool IsText(object? value, out string text)
    {
        text = value as string ?? (value as PyMarkup)?.Text ?? "";
        return value is string or PyMarkup;
    }

    /// <summary>Python's callable(); an undefined value counts, although calling it fails.</summary>
    public static bool IsCallable(object? value) => value is PyFunction or Undefined or PyObject { IsCallable: true };

    /// <summary>Has items by index: list, tuple, range.</summary>
    public static bool IsIndexable(object? value) => value is PyList or PyTuple or PyRange or PyGroup;

    /// <summary>What <c>if</c> makes of it.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        string text => text.Length > 0,
        PyMarkup markup => markup.Text.Length > 0,
        PyDict dict => dict.Count > 0,
        PyDictView view => view.Count > 0,
        IReadOnlyList<object?> list => list.Count > 0,
        _ => true,
    };

    /// <summary>len(value); an error where Python has none.</summary>
    public static int Length(object? value) => value switch
    {
        string text => PyString.Length(text),
        PyMarkup markup => PyString.Length(markup.Text),
        PyDict dict => dict.Count,
        PyDictView view => view.Count,
        IReadOnlyList<object?> list => list.Count,
        Undefined => 0,
        _ => throw PyError.Type($"object of type '{Name(value)}' has no len()"),
    };

    /// <summary>The items that a loop sees; an error where Python has none.</summary>
    public static IEnumerable<object?> Iterate(object? value) => value switch
    {
        string text => PyString.Characters(text),
        PyMarkup markup => PyString.Characters(markup.Text),
        PyDict dict => Charged(dict.Keys),
        Undefined => [],
        IEnumerable<object?> items => Charged(items),
        LoopContext loop => Charged(loop.Pairs()),
        _ => throw PyError.Type($"'{Name(value)}' object is not iterable"),
    };

    /// <summary>Charges every item, and stands guard over generators that are stacked on each other.</summary>
    private static IEnumerable<object?> Charged(IEnumerable<object?> items)
    {
        using IEnumerator<object?> walk = items.GetEnumerator();
        while (true)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            RenderState.SpendItems(1);
            if (!walk.MoveNext())
            {
                yield break;
            }

            yield return walk.Current;
        }
    }

    /// <summary>A loop can walk it.</summary>
    public static bool IsIterable(object? value) =>
        value is string or PyMarkup or PyDict or Undefined or IEnumerable<object?>;
}
