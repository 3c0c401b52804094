using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The filters that pick items or turn each into something else. They give generators: walked once, without a
/// length.</summary>
internal static class SelectionFilters
{
    /// <summary>By name.</summary>
    public static IReadOnlyDictionary<string, Filter> All { get; } = new Dictionary<string, Filter>
    {
        ["attr"] = Attribute,
        ["map"] = (c, v, a) => new PyIterator(Map(c, v, a)),
        ["reject"] = (c, v, a) => new PyIterator(Select(c, v, a, byAttribute: false, keep: false)),
        ["rejectattr"] = (c, v, a) => new PyIterator(Select(c, v, a, byAttribute: true, keep: false)),
        ["select"] = (c, v, a) => new PyIterator(Select(c, v, a, byAttribute: false, keep: true)),
        ["selectattr"] = (c, v, a) => new PyIterator(Select(c, v, a, byAttribute: true, keep: true)),
    };

    private static object? Attribute(FilterContext context, object? value, CallArguments arguments)
    {
        string name = PyText.Str(arguments.Bind("attr", 1, "name")[0]);
        return PyAccess.TryAttribute(value, name, out object? found) ? found : Undefined.Of(value, name);
    }

    private static IEnumerable<object?> Select(FilterContext context, object? value, CallArguments arguments,
        bool byAttribute, bool keep)
    {
        List<object?> rest = arguments.Positional;
        object? attribute = null;
        if (byAttribute)
        {
            attribute = rest.Count > 0 ? rest[0]
                : throw new PyError("FilterArgumentError", "Missing parameter for attribute name");
            rest = rest[1..];
        }

        string? test = rest.Count > 0 ? rest[0].Text("test name") : null;
        if (test != null && !FilterContext.HasTest(test))
        {
            throw new PyError("TemplateRuntimeError", $"No test named '{test}'.");
        }

        if (!PyType.IsTrue(value))
        {
            // Nothing to walk: None is as good as an empty list here.
            yield break;
        }

        CallArguments testArguments = new(rest.Count > 0 ? rest[1..] : [], arguments.Named);
        foreach (object? item in PyType.Iterate(value))
        {
            object? tested = byAttribute ? AttributePath.Get(item, attribute) : item;
            bool holds = test == null ? PyType.IsTrue(tested) : context.Test(test, tested, testArguments);
            if (holds == keep)
            {
                yield return item;
            }
        }
    }

    private static IEnumerable<object?> Map(FilterContext context, object? value, CallArguments arguments)
    {
        Func<object?, object?> convert = Conversion(context, arguments);
        if (!PyType.IsTrue(value))
        {
            yield break;
        }

        foreach (object? item in PyType.Iterate(value))
        {
            yield return convert(item);
        }
    }

    private static Func<object?, object?> Conversion(FilterContext context, CallArguments arguments)
    {
        if (arguments.Positional.Count == 0 && arguments.Named.TryGetValue("attribute", out object? attribute))
        {
            string? unknown = arguments.Named.Keys.FirstOrDefault(name => name is not ("attribute" or "default"));
            return unknown != null
                ? throw new PyError("FilterArgumentError", $"Unexpected keyword argument '{unknown}'")
                : item => AttributePath.Get(item, attribute, arguments.Named.GetValueOrDefault("default"));
        }

        if (arguments.Positional.Count == 0)
        {
            throw new PyError("FilterArgumentError", "map requires a filter argument");
        }

        string name = arguments.Positional[0].Text("filter name");
        if (!FilterContext.HasFilter(name))
        {
            throw new PyError("TemplateRuntimeError", $"No filter named '{name}'.");
        }

        CallArguments rest = new(arguments.Positional[1..], arguments.Named);
        return item => context.Apply(name, item, rest);
    }
}
