using System;
using System.Collections.Generic;

namespace Tbrm.Jinja.Values;

/// <summary>The variable <c>loop</c>. Reads one item ahead, and all of them only when their number is asked
/// for.</summary>
internal sealed class LoopContext(object? source, IEnumerable<object?> items, int depth,
    Func<object?, object?>? recurse) : PyObject
{
    private readonly IEnumerator<object?> _items = items.GetEnumerator();
    private readonly Queue<object?> _ahead = new();
    private readonly object _missing = new();
    private object? _current = CallArguments.Missing;
    private object? _previous = CallArguments.Missing;
    private object? _lastChecked = CallArguments.Missing;
    private long _index0 = -1;
    private int _length = -1;

    /// <inheritdoc/>
    public override string TypeName => "LoopContext";

    /// <inheritdoc/>
    public override bool IsCallable => recurse != null;

    /// <summary>Goes to the next item; false at the end.</summary>
    public bool MoveNext(out object? item)
    {
        if (!Peek(out item))
        {
            return false;
        }

        _ahead.Dequeue();
        _previous = _current;
        _current = item;
        _index0++;
        return true;
    }

    /// <summary>What iterating over loop itself gives: the remaining items with the loop.</summary>
    public IEnumerable<object?> Pairs()
    {
        while (MoveNext(out object? item))
        {
            yield return new PyTuple([item, this]);
        }
    }

    /// <inheritdoc/>
    public override object? Call(CallArguments arguments)
    {
        return recurse == null
            ? throw PyError.Type("The loop must have the 'recursive' marker to be called recursively.")
            : recurse(arguments.Bind("loop", 1, "iterable")[0]);
    }

    /// <inheritdoc/>
    public override bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "index" => _index0 + 1,
            "index0" => _index0,
            "revindex" => Length() - _index0,
            "revindex0" => Length() - _index0 - 1,
            "first" => _index0 == 0,
            "last" => !Peek(out _),
            "length" => (long)Length(),
            "depth" => depth + 1L,
            "depth0" => (long)depth,
            "previtem" => _index0 == 0 ? new Undefined("there is no previous item") : _previous,
            "nextitem" => Peek(out object? next) ? next : new Undefined("there is no next item"),
            "cycle" => new PyFunction(name, Cycle),
            "changed" => new PyFunction(name, Changed),
            _ => _missing,
        };
        return !ReferenceEquals(value, _missing);
    }

    private bool Peek(out object? item)
    {
        if (_ahead.Count == 0 && _items.MoveNext())
        {
            _ahead.Enqueue(_items.Current);
        }

        return _ahead.TryPeek(out item);
    }

    private int Length()
    {
        if (_length < 0)
        {
            // A container knows its length; of an iterator, what is left is read to count it.
            if (source is IReadOnlyCollection<object?> or PyDict or string)
            {
                return _length = PyType.Length(source);
            }

            while (_items.MoveNext())
            {
                _ahead.Enqueue(_items.Current);
            }

            _length = (int)_index0 + 1 + _ahead.Count;
        }

        return _length;
    }

    private object? Cycle(CallArguments arguments)
    {
        return arguments.Positional.Count == 0
            ? throw PyError.Type("no items for cycling given")
            : arguments.Positional[(int)(_index0 % arguments.Positional.Count)];
    }

    private object? Changed(CallArguments arguments)
    {
        PyTuple value = new(arguments.Positional);
        bool changed = !_lastChecked.IsGiven() || !PyCompare.AreEqual(_lastChecked, value);
        _lastChecked = value;
        return changed;
    }
}
