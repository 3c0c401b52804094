using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tbrm.Jinja.Values;

/// <summary>The operators on all kinds of values.</summary>
internal static class PyOperators
{
    /// <summary>One of + - * / // % **.</summary>
    public static object? Binary(string op, object? left, object? right)
    {
        if (left is Undefined undefined || (right is Undefined && (undefined = (Undefined)right) != null))
        {
            if (!(op == "%" && left is string))
            {
                throw undefined.Error;
            }
        }

        if (PyType.IsNumber(left) && PyType.IsNumber(right))
        {
            return PyNumber.Arithmetic(op, left!, right!);
        }

        return op switch
        {
            "+" => Add(left, right),
            "*" => Multiply(left, right),
            "%" when PyType.IsText(left, out string format) => PercentFormat.Apply(format, right),
            _ => throw Unsupported(op == "**" ? "** or pow()" : op, left, right),
        };
    }

    /// <summary>Unary + and -.</summary>
    public static object? Sign(bool negate, object? value)
    {
        if (value is Undefined undefined)
        {
            throw undefined.Error;
        }

        if (!PyType.IsNumber(value))
        {
            throw PyError.Type($"bad operand type for unary {(negate ? '-' : '+')}: '{PyType.Name(value)}'");
        }

        return negate ? PyNumber.Negate(value!) : value is bool ? PyNumber.Normalize(PyNumber.ToBig(value)) : value;
    }

    /// <summary>a ~ b ~ ...: the texts joined; without autoescape nothing is escaped here.</summary>
    public static string Concat(IReadOnlyList<object?> parts)
    {
        long length = 0;
        string[] texts = new string[parts.Count];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = PyText.Str(parts[i]);
            length += texts[i].Length;
        }

        Require(length);
        RenderState.SpendCharacters(length);
        return string.Concat(texts);
    }

    /// <summary>The text of a value inside escaped text.</summary>
    public static string Escaped(object? part) => part is PyMarkup markup ? markup.Text
        : PyMarkup.Escape(PyText.Str(part)).Text;

    /// <summary>sequence[start:stop:step].</summary>
    public static object? Slice(object? target, object? start, object? stop, object? step)
    {
        if (target is Undefined undefined)
        {
            throw undefined.Error;
        }

        int stride = step == null ? 1 : PyNumber.ToIndex(step);
        if (stride == 0)
        {
            throw PyError.Value("slice step cannot be zero");
        }

        if (PyType.IsText(target, out string text))
        {
            if (stride == 1 && PyString.IsFlat(text))
            {
                (int from, int to) = (Bound(start, text.Length, 1, true), Bound(stop, text.Length, 1, false));
                return from < to ? text[from..to] : "";
            }

            List<string> characters = PyString.Characters(text);
            return string.Concat(Indices(start, stop, stride, characters.Count).Select(i => characters[i]));
        }

        if (!PyType.IsIndexable(target))
        {
            throw PyError.Type(target is PyDict ? "unhashable type: 'slice'"
                : $"'{PyType.Name(target)}' object is not subscriptable");
        }

        IReadOnlyList<object?> list = (IReadOnlyList<object?>)target!;
        List<object?> items = [.. Indices(start, stop, stride, list.Count).Select(i => list[i])];
        return target is PyTuple or PyGroup ? new PyTuple(items) : new PyList(items);
    }

    /// <summary>Fails when a text or list would be too long.</summary>
    public static void Require(long length)
    {
        if (length > RenderState.MaxLength)
        {
            throw PyError.Limit($"a text or list of more than {RenderState.MaxLength} elements");
        }
    }

    private static IEnumerable<int> Indices(object? start, object? stop, int stride, int count)
    {
        long from = Bound(start, count, stride, true);
        long to = Bound(stop, count, stride, false);
        for (long i = from; stride > 0 ? i < to : i > to; i += stride)
        {
            RenderState.SpendItems(1);
            yield return (int)i;
        }
    }

    private static int Bound(object? value, int count, int stride, bool isStart)
    {
        if (value == null)
        {
            return stride > 0 ? (isStart ? 0 : count) : isStart ? count - 1 : -1;
        }

        if (!PyType.IsInteger(value))
        {
            throw PyError.Type("slice indices must be integers or None or have an __index__ method");
        }

        long index = PyNumber.ToIndex(value);
        index += index < 0 ? count : 0;
        return (int)(stride > 0 ? Math.Clamp(index, 0, count) : Math.Clamp(index, -1, count - 1));
    }

    private static object? Add(object? left, object? right)
    {
        if (PyType.IsText(left, out string a) && PyType.IsText(right, out string b))
        {
            Require((long)a.Length + b.Length);
            RenderState.SpendCharacters(a.Length + b.Length);
            return left is PyMarkup || right is PyMarkup ? new PyMarkup(Escaped(left) + Escaped(right)) : a + b;
        }

        switch (left, right)
        {
            case (PyList x, PyList y):
                Require((long)x.Count + y.Count);
                RenderState.SpendItems(x.Count + y.Count);
                return new PyList([.. x, .. y]);
            case (PyTuple x, PyTuple y):
                Require((long)x.Count + y.Count);
                RenderState.SpendItems(x.Count + y.Count);
                return new PyTuple([.. x, .. y]);
            default:
                throw PyType.IsText(left, out _)
                    ? PyError.Type($"can only concatenate str (not \"{PyType.Name(right)}\") to str")
                    : left is PyList
                        ? PyError.Type($"can only concatenate list (not \"{PyType.Name(right)}\") to list")
                        : Unsupported("+", left, right);
        }
    }

    private static object? Multiply(object? left, object? right)
    {
        if (PyType.IsInteger(left))
        {
            (left, right) = (right, left);
        }

        if (!PyType.IsInteger(right))
        {
            throw Unsupported("*", left, right);
        }

        int times = Math.Max(0, PyNumber.ToIndex(right));
        if (PyType.IsText(left, out string text))
        {
            Require((long)text.Length * times);
            RenderState.SpendCharacters((long)text.Length * times);
            return new StringBuilder().Insert(0, text, text.Length == 0 ? 0 : times).ToString();
        }

        if (left is not (PyList or PyTuple))
        {
            throw Unsupported("*", left, right);
        }

        IReadOnlyList<object?> items = (IReadOnlyList<object?>)left;
        Require((long)items.Count * times);
        RenderState.SpendItems((long)items.Count * times);
        List<object?> repeated = [.. Enumerable.Repeat(items, items.Count == 0 ? 0 : times).SelectMany(copy => copy)];
        return left is PyList ? new PyList(repeated) : new PyTuple(repeated);
    }

    private static PyError Unsupported(string op, object? left, object? right)
    {
        return PyError.Type($"unsupported operand type(s) for {op}: '{PyType.Name(left)}' and '{PyType.Name(right)}'");
    }

    /// <summary>Calls a value.</summary>
    public static object? Call(object? target, CallArguments arguments) => target switch
    {
        PyFunction function => function.Call(arguments),
        PyObject other => other.Call(arguments),
        Undefined undefined => throw undefined.Error,
        _ => throw PyError.Type($"'{PyType.Name(target)}' object is not callable"),
    };
}
