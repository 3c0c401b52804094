using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Jinja.Syntax;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Runtime;

/// <summary>A macro, or the caller of a call block.</summary>
/// <param name="name">Its name; null for a caller.</param>
/// <param name="signature">Its parameters.</param>
/// <param name="body">Its body.</param>
/// <param name="render">Renders the body with these values; a parameter that was not given is
/// <see cref="CallArguments.Missing"/>.</param>
internal sealed class Macro(string? name, Signature signature, MacroBody body,
    Func<Dictionary<string, object?>, string> render) : PyObject
{
    /// <inheritdoc/>
    public override string TypeName => "Macro";

    /// <inheritdoc/>
    public override bool IsCallable => true;

    /// <inheritdoc/>
    public override bool TryGetAttribute(string name1, out object? value)
    {
        value = name1 switch
        {
            "name" => name,
            "arguments" => new PyTuple([.. signature.Parameters]),
            "catch_kwargs" => body.UsesKwargs,
            "catch_varargs" => body.UsesVarargs,
            "caller" => body.UsesCaller,
            _ => CallArguments.Missing,
        };
        return value.IsGiven();
    }

    /// <inheritdoc/>
    public override object? Call(CallArguments arguments)
    {
        Dictionary<string, object?> values = [];
        OrderedDictionary<string, object?> named = new(arguments.Named);
        int given = Math.Min(arguments.Positional.Count, signature.Parameters.Count);
        for (int i = 0; i < signature.Parameters.Count; i++)
        {
            string parameter = signature.Parameters[i];
            values[parameter] = i < given ? arguments.Positional[i] : Take(named, parameter);
        }

        if (body.UsesCaller && !signature.Parameters.Contains("caller"))
        {
            object? caller = Take(named, "caller");
            values["caller"] = caller.IsGiven() && caller != null ? caller : new Undefined("No caller defined");
        }

        CatchRest(values, named, arguments);
        return render(values);
    }

    private void CatchRest(Dictionary<string, object?> values, OrderedDictionary<string, object?> named,
        CallArguments arguments)
    {
        if (body.UsesKwargs)
        {
            PyDict rest = new();
            foreach ((string key, object? value) in named)
            {
                rest.Set(key, value);
            }

            values["kwargs"] = rest;
        }
        else if (named.Count > 0)
        {
            throw PyError.Type($"macro {PyText.Repr(name)} takes no keyword argument {PyText.Repr(named.First().Key)}");
        }

        int count = signature.Parameters.Count;
        if (body.UsesVarargs)
        {
            values["varargs"] = new PyTuple([.. arguments.Positional.Skip(count)]);
        }
        else if (arguments.Positional.Count > count)
        {
            throw PyError.Type($"macro {PyText.Repr(name)} takes not more than {count} argument(s)");
        }
    }

    private static object? Take(OrderedDictionary<string, object?> named, string key)
    {
        return named.Remove(key, out object? value) ? value : CallArguments.Missing;
    }
}
