using System.Collections.Generic;

namespace Tbrm.Jinja.Runtime;

/// <summary>The names of one scope; what it lacks is looked up outwards.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> _values = [];

    /// <summary>The nearest value of a name; false when no scope has it.</summary>
    public bool TryGet(string name, out object? value)
    {
        for (Scope? scope = this; scope != null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out value))
            {
                return true;
            }
        }

        value = null;
        return false;
    }

    /// <summary>The scope around this one.</summary>
    public Scope? Outer => outer;

    /// <summary>Sets a name in this scope.</summary>
    public void Set(string name, object? value) => _values[name] = value;
}
