using System.Collections.Generic;
using System.Numerics;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>a.b and a[b] as the immutable sandbox sees them.</summary>
internal static class PyAccess
{
    private static readonly HashSet<string> s_listMutators =
        ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
    private static readonly HashSet<string> s_dictMutators = ["clear", "pop", "popitem", "setdefault", "update"];

    /// <summary>value.name: an attribute or method first, then an item.</summary>
    public static object? Attribute(object? target, string name)
    {
        if (target is Undefined undefined)
        {
            throw undefined.Error;
        }

        if (TryAttribute(target, name, out object? value))
        {
            return value;
        }

        return target is PyDict dict && dict.TryGet(name, out value) ? value : Undefined.Of(target, name);
    }

    /// <summary>value[key]: an item first, then an attribute.</summary>
    public static object? Item(object? target, object? key)
    {
        switch (target)
        {
            case Undefined undefined:
                throw undefined.Error;
            case PyDict dict:
                // A list is no key, which is "not there" rather than an error.
                if (key is not (PyList or PyDict) && dict.TryGet(key, out object? value))
                {
                    return value;
                }

                break;
            case string or PyMarkup when PyType.IsInteger(key):
                return Character(PyText.Str(target), key, target);
            case IReadOnlyList<object?> list when PyType.IsInteger(key):
                BigInteger index = PyNumber.ToBig(key);
                index += index.Sign < 0 ? list.Count : 0;
                return index.Sign >= 0 && index < list.Count ? list[(int)index] : Undefined.Of(target, key);
            default:
                break;
        }

        return key is string name && TryAttribute(target, name, out object? attribute) ? attribute
            : Undefined.Of(target, key);
    }

    /// <summary>getattr(value, name), without items.</summary>
    public static bool TryAttribute(object? target, string name, out object? value)
    {
        if (name.StartsWith('_'))
        {
            value = Unsafe(target, name);
            return name.StartsWith("__", System.StringComparison.Ordinal);
        }

        switch (target)
        {
            case string or PyMarkup:
                value = StringMethods.Find(PyText.Str(target), name);
                break;
            case PyDict dict:
                value = s_dictMutators.Contains(name) ? Unsafe(target, name) : ContainerMethods.Find(dict, name);
                break;
            case PyList list:
                value = s_listMutators.Contains(name) ? Unsafe(target, name) : ContainerMethods.Find(list, name);
                break;
            case PyTuple tuple:
                value = ContainerMethods.Find(tuple, name);
                break;
            case PyGroup group:
                value = name switch { "grouper" => group.Grouper, "list" => group.List, _ => CallArguments.Missing };
                return value.IsGiven();
            case PyNamespace space:
                return space.Attributes.TryGet(name, out value);
            case PyObject other:
                return other.TryGetAttribute(name, out value);
            case long or BigInteger or bool or double:
                value = ContainerMethods.FindNumeric(target, name);
                break;
            default:
                value = null;
                break;
        }

        return value != null;
    }

    private static Undefined Unsafe(object? target, string name)
    {
        return new Undefined($"access to attribute '{name}' of '{PyType.Name(target)}' object is unsafe.",
            PyError.Security);
    }

    private static object? Character(string text, object? key, object? target)
    {
        int length = PyString.Length(text);
        BigInteger index = PyNumber.ToBig(key);
        index += index.Sign < 0 ? length : 0;
        if (index.Sign < 0 || index >= length)
        {
            return Undefined.Of(target, key);
        }

        int start = PyString.UnitIndex(text, (int)index);
        int end = start + (start + 1 < text.Length && char.IsSurrogatePair(text[start], text[start + 1]) ? 2 : 1);
        return text[start..end];
    }
}
