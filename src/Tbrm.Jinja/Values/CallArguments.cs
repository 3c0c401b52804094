using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Jinja.Values;

/// <summary>The arguments of a call.</summary>
/// <param name="Positional">In order.</param>
/// <param name="Named">By name, in the order of the call.</param>
internal sealed record CallArguments(List<object?> Positional, OrderedDictionary<string, object?> Named)
{
    /// <summary>Stands for an argument that was not given.</summary>
    public static readonly object Missing = new();

    /// <summary>Positional arguments only.</summary>
    public static CallArguments Of(params object?[] positional) => new([.. positional], []);

    /// <summary>As <see cref="Bind"/> for a function of Python's own that takes no names.</summary>
    public object?[] BindPositional(string function, int required, params string[] parameters)
    {
        return Named.Count == 0 ? Bind(function, required, parameters)
            : throw PyError.Type($"{function}() takes no keyword arguments");
    }

    /// <summary>
    /// The arguments in the order of the parameters, those not given as <see cref="Missing"/>. An error when there are
    /// too
    /// many, when a name is not known or comes twice, or when one of the first <paramref name="required"/> is absent.
    /// </summary>
    public object?[] Bind(string function, int required, params string[] parameters)
    {
        if (Positional.Count > parameters.Length)
        {
            throw PyError.Type($"{function}() takes at most {parameters.Length} arguments ({Positional.Count} given)");
        }

        object?[] bound = [.. Positional, .. Enumerable.Repeat(Missing, parameters.Length - Positional.Count)];
        foreach ((string name, object? value) in Named)
        {
            int index = System.Array.IndexOf(parameters, name);
            if (index < 0)
            {
                throw PyError.Type($"{function}() got an unexpected keyword argument '{name}'");
            }

            bound[index] = index >= Positional.Count ? value
                : throw PyError.Type($"{function}() got multiple values for argument '{name}'");
        }

        for (int i = 0; i < required; i++)
        {
            if (ReferenceEquals(bound[i], Missing))
            {
                throw PyError.Type($"{function}() missing required argument '{parameters[i]}'");
            }
        }

        return bound;
    }
}

/// <summary>Reading bound arguments.</summary>
internal static class BoundArguments
{
    /// <summary>The argument, or a default when it was not given.</summary>
    public static object? Or(this object? argument, object? fallback) =>
        ReferenceEquals(argument, CallArguments.Missing) ? fallback : argument;

    /// <summary>The argument was given.</summary>
    public static bool IsGiven(this object? argument) => !ReferenceEquals(argument, CallArguments.Missing);

    /// <summary>A text argument.</summary>
    public static string Text(this object? argument, string what)
    {
        return PyType.IsText(argument, out string text) ? text
            : throw PyError.Type($"{what} must be str, not {PyType.Name(argument)}");
    }

    /// <summary>A count or index, or a default when it was not given or is None.</summary>
    public static int IndexOr(this object? argument, int fallback)
    {
        return ReferenceEquals(argument, CallArguments.Missing) || argument == null ? fallback
            : PyNumber.ToIndex(argument);
    }
}
