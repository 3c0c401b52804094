using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Tbrm.Jinja.Library;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Runtime;

/// <summary>The functions that every template can call.</summary>
internal static class Globals
{
    /// <summary>Defines them.</summary>
    public static void Define(Scope scope, RenderState state)
    {
        Add(scope, "range", Range);
        Add(scope, "dict", arguments => Dict("dict", arguments));
        Add(scope, "namespace", Namespace);
        Add(scope, "cycler", arguments => new Cycler(arguments.Positional));
        Add(scope, "joiner", arguments => new Joiner(PyText.Str(arguments.Bind("joiner", 0, "sep")[0].Or(", "))));
        Add(scope, "lipsum", _ => throw PyError.Type("lipsum() is not supported: its text is random"));
        Add(scope, "raise_exception",
            arguments => throw new JinjaRaisedException(PyText.Str(
            arguments.Bind("raise_exception", 1, "message")[0])));
        Add(scope, "strftime_now",
            arguments => Strftime.Format(state.Now, arguments.Bind("strftime_now", 1, "format")[0].Text("format")));
    }

    private static void Add(Scope scope, string name, System.Func<CallArguments, object?> call) =>
        scope.Set(name, new PyFunction(name, call));

    private static PyRange Range(CallArguments arguments)
    {
        List<object?> given = arguments.Positional;
        if (given.Count is 0 or > 3 || arguments.Named.Count > 0)
        {
            throw PyError.Type($"range expected 1 to 3 arguments, got {given.Count}");
        }

        long start = given.Count > 1 ? Whole(given[0]) : 0;
        long stop = Whole(given.Count > 1 ? given[1] : given[0]);
        long step = given.Count > 2 ? Whole(given[2]) : 1;
        return step == 0 ? throw PyError.Value("range() arg 3 must not be zero") : new PyRange(start, stop, step);
    }

    private static long Whole(object? value)
    {
        if (value is Undefined undefined)
        {
            throw undefined.Error;
        }

        return (long)BigInteger.Clamp(PyNumber.ToBig(value), long.MinValue, long.MaxValue);
    }

    private static PyDict Dict(string function, CallArguments arguments)
    {
        if (arguments.Positional.Count > 1)
        {
            throw PyError.Type($"{function} expected at most 1 argument, got {arguments.Positional.Count}");
        }

        PyDict dict = new();
        foreach (object? source in arguments.Positional)
        {
            IEnumerable<KeyValuePair<object?, object?>> items = source switch
            {
                PyDict other => other,
                PyNamespace space => space.Attributes,
                _ => PyType.Iterate(source).Select(Pair),
            };
            foreach ((object? key, object? value) in items)
            {
                dict.Set(key, value);
            }
        }

        foreach ((string name, object? value) in arguments.Named)
        {
            dict.Set(name, value);
        }

        return dict;
    }

    private static KeyValuePair<object?, object?> Pair(object? item)
    {
        object?[] pair = [.. PyType.Iterate(item)];
        return pair.Length == 2
            ? new(pair[0], pair[1])
            : throw PyError.Value($"dictionary update sequence element has length {pair.Length}; 2 is required");
    }

    private static PyNamespace Namespace(CallArguments arguments)
    {
        PyNamespace space = new();
        foreach ((object? key, object? value) in Dict("namespace", arguments))
        {
            space.Attributes.Set(key, value);
        }

        return space;
    }

    private sealed class Cycler(List<object?> items) : PyObject
    {
        private int _position = items.Count > 0 ? 0 : throw PyError.Type("at least one item has to be provided");

        public override string TypeName => "Cycler";

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name switch
            {
                "current" => items[_position],
                "next" => new PyFunction(name, _ => Advance()),
                "reset" => new PyFunction(name, _ => _position = 0),
                _ => CallArguments.Missing,
            };
            return value.IsGiven();
        }

        private object? Advance()
        {
            object? item = items[_position];
            _position = (_position + 1) % items.Count;
            return item;
        }
    }

    private sealed class Joiner(string separator) : PyObject
    {
        private bool _used;

        public override string TypeName => "Joiner";

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments)
        {
            string text = _used ? separator : "";
            _used = true;
            return text;
        }
    }
}
