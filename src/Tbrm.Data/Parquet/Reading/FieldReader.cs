using System.Collections.Generic;
using System.Text.Json.Nodes;
using ParquetSharp;
using Tbrm.Data.Parquet.Guard;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>
/// Assembles the value of one schema node from the entries of the columns below it (Dremel, VLDB 2010, section 4.3, as
/// a
/// walk over the schema instead of a state machine). Called where the node's parent is defined.
/// </summary>
internal abstract class FieldReader
{
    /// <summary>The columns below this node; never empty.</summary>
    public abstract IReadOnlyList<ColumnCursor> Columns { get; }

    /// <summary>The value, null when it is not defined; the columns then stand behind it.</summary>
    public abstract JsonNode? Read(RowBudget budget);

    /// <summary>
    /// Passes the one entry by which every column says that a node at <paramref name="level"/> is not there. All
    /// columns must
    /// say so.
    /// </summary>
    protected static void PassUndefined(IReadOnlyList<ColumnCursor> columns, int level, RowBudget budget)
    {
        foreach (ColumnCursor column in columns)
        {
            if (column.AtEnd || column.Definition >= level)
            {
                throw column.Error("its levels contradict those of the columns beside it");
            }

            budget.Count(column);
            column.MoveNext();
        }
    }
}

/// <summary>What one row has cost so far; a row without end must not eat all memory.</summary>
internal sealed class RowBudget
{
    private int _entries;
    private long _bytes;

    public void Reset() => (_entries, _bytes) = (0, 0);

    public void Count(ColumnCursor column)
    {
        if (++_entries > ReadLimits.MaxEntriesPerRow)
        {
            throw column.Error($"a row of more than {ReadLimits.MaxEntriesPerRow} values");
        }
    }

    public void CountBytes(ColumnCursor column)
    {
        _bytes += column.ValueBytes;
        if (_bytes > ReadLimits.MaxBytesPerRow)
        {
            throw column.Error($"a row of more than {ReadLimits.MaxBytesPerRow} bytes");
        }
    }
}

/// <summary>A column's own value.</summary>
internal sealed class LeafReader(ColumnCursor cursor) : FieldReader
{
    public override IReadOnlyList<ColumnCursor> Columns { get; } = [cursor];

    public override JsonNode? Read(RowBudget budget)
    {
        SchemaNode column = cursor.Column;
        int least = column.DefinitionLevel - (column.Repetition == Repetition.Optional ? 1 : 0);
        if (cursor.AtEnd || cursor.Definition < least)
        {
            throw cursor.Error("its levels contradict those of the columns beside it");
        }

        budget.Count(cursor);
        JsonNode? value = null;
        if (cursor.Definition == column.DefinitionLevel)
        {
            budget.CountBytes(cursor);
            value = cursor.ReadValue();
        }

        cursor.MoveNext();
        return value;
    }
}

/// <summary>A struct: one value for each child.</summary>
internal sealed class StructReader : FieldReader
{
    private readonly SchemaNode _node;
    private readonly (string Name, FieldReader Reader)[] _children;
    private readonly List<ColumnCursor> _columns = [];

    public StructReader(SchemaNode node, (string Name, FieldReader Reader)[] children)
    {
        _node = node;
        _children = children;
        foreach ((_, FieldReader reader) in children)
        {
            _columns.AddRange(reader.Columns);
        }
    }

    public override IReadOnlyList<ColumnCursor> Columns => _columns;

    public override JsonNode? Read(RowBudget budget)
    {
        if (_node.Repetition == Repetition.Optional && _columns[0].Definition < _node.DefinitionLevel)
        {
            PassUndefined(_columns, _node.DefinitionLevel, budget);
            return null;
        }

        JsonObject value = [];
        foreach ((string name, FieldReader reader) in _children)
        {
            // Two columns of one name are legal in the format; the last one stays, as in a dictionary.
            value[name] = reader.Read(budget);
        }

        return value;
    }
}

/// <summary>A repeated node, or a LIST around one: the elements between two entries of a lower repetition
/// level.</summary>
internal sealed class ListReader(SchemaNode? list, SchemaNode repeated, FieldReader element) : FieldReader
{
    public override IReadOnlyList<ColumnCursor> Columns => element.Columns;

    public override JsonNode? Read(RowBudget budget)
    {
        ColumnCursor first = Columns[0];
        if (list is { Repetition: Repetition.Optional } && first.Definition < list.DefinitionLevel)
        {
            PassUndefined(Columns, list.DefinitionLevel, budget);
            return null;
        }

        JsonArray values = [];
        if (first.Definition < repeated.DefinitionLevel)
        {
            PassUndefined(Columns, repeated.DefinitionLevel, budget);
            return values;
        }

        bool more;
        do
        {
            values.Add(element.Read(budget));
            more = ContinuesIn(first);
            foreach (ColumnCursor column in Columns)
            {
                if (ContinuesIn(column) != more)
                {
                    throw column.Error("its levels contradict those of the columns beside it");
                }
            }
        }
        while (more);
        return values;
    }

    private bool ContinuesIn(ColumnCursor column) => !column.AtEnd && column.Repetition >= repeated.RepetitionLevel;
}

/// <summary>A MAP: an object when the keys are text, else a list of {key, value}.</summary>
internal sealed class MapReader(ListReader entries, bool hasTextKeys, string keyName, string? valueName) : FieldReader
{
    public override IReadOnlyList<ColumnCursor> Columns => entries.Columns;

    public override JsonNode? Read(RowBudget budget)
    {
        JsonArray? list = (JsonArray?)entries.Read(budget);
        if (list is null || !hasTextKeys)
        {
            return list is null ? null : Renamed(list);
        }

        JsonObject map = [];
        foreach (JsonNode? entry in list)
        {
            string key = entry![keyName]?.GetValue<string>() ?? throw Columns[0].Error("a map has a key that is null");
            map[key] = Detached(entry, valueName);
        }

        return map;
    }

    private JsonArray Renamed(JsonArray list)
    {
        JsonArray renamed = [];
        foreach (JsonNode? entry in list)
        {
            renamed.Add((JsonNode)new JsonObject
            {
                ["key"] = Detached(entry!, keyName),
                ["value"] = Detached(entry!, valueName)
            });
        }

        return renamed;
    }

    private static JsonNode? Detached(JsonNode entry, string? name)
    {
        if (name is null || entry[name] is not JsonNode value)
        {
            return null;
        }

        ((JsonObject)entry).Remove(name);
        return value;
    }
}
