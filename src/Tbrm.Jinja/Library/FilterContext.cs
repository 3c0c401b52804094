using System.Collections.Generic;
using System.Linq;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>A filter: the value and the arguments after it.</summary>
internal delegate object? Filter(FilterContext context, object? value, CallArguments arguments);

/// <summary>A test: the value and the arguments after it.</summary>
internal delegate bool ValueTest(FilterContext context, object? value, CallArguments arguments);

/// <summary>Finds filters and tests by name, for expressions and for the filters that take a name themselves.</summary>
internal sealed class FilterContext(RenderState state)
{
    private static readonly Dictionary<string, Filter> s_filters =
        new(TextFilters.All.Concat(SequenceFilters.All).Concat(SelectionFilters.All).Concat(NumberFilters.All));

    /// <summary>A filter of this name exists.</summary>
    public static bool HasFilter(string name) => s_filters.ContainsKey(name);

    /// <summary>A test of this name exists.</summary>
    public static bool HasTest(string name) => ValueTests.All.ContainsKey(name);

    /// <summary>Applies a filter.</summary>
    public object? Apply(string name, object? value, CallArguments arguments)
    {
        state.Step();
        return s_filters.TryGetValue(name, out Filter? filter)
            ? filter(this, value, arguments)
            : throw new PyError("TemplateRuntimeError", $"No filter named '{name}' found.");
    }

    /// <summary>Applies a test.</summary>
    public bool Test(string name, object? value, CallArguments arguments)
    {
        state.Step();
        return ValueTests.All.TryGetValue(name, out ValueTest? test)
            ? test(this, value, arguments)
            : throw new PyError("TemplateRuntimeError", $"No test named '{name}' found.");
    }
}
