using System.Collections.Generic;
using System.Text.Json.Nodes;
using ParquetSharp;
using Tbrm.Data.Parquet.Reading;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>
/// Splits rows into columns (Dremel, VLDB 2010, section 4.2): the inverse of <see cref="FieldReader"/>, for schemas in
/// the
/// standard form (lists as three levels, no maps).
/// </summary>
internal sealed class RecordShredder
{
    private readonly SchemaNode _root;
    private readonly ColumnBuilder[] _columns;

    public RecordShredder(SchemaNode root)
    {
        _root = root;
        List<ColumnBuilder> columns = [];
        foreach (SchemaNode leaf in SchemaTree.Leaves(root))
        {
            columns.Add(new ColumnBuilder(leaf));
        }

        _columns = [.. columns];
    }

    /// <summary>One for each leaf, in order.</summary>
    public IReadOnlyList<ColumnBuilder> Columns => _columns;

    /// <summary>Appends a row; keys that the schema does not have are left out.</summary>
    public void Add(JsonObject row)
    {
        foreach (SchemaNode child in _root.Children)
        {
            AddNode(child, row[child.Name], 0, 0);
        }
    }

    /// <summary>Appends a value, or its absence, below a parent that is defined to
    /// <paramref name="definition"/>.</summary>
    private void AddNode(SchemaNode node, JsonNode? value, int repetition, int definition)
    {
        if (value is null)
        {
            AddUndefined(node, repetition, definition);
        }
        else if (node.IsLeaf)
        {
            _columns[node.ColumnIndex].Add(value, repetition);
        }
        else if (node.Logical is ListLogicalType)
        {
            AddList(node, (JsonArray)value, repetition);
        }
        else
        {
            foreach (SchemaNode child in node.Children)
            {
                AddNode(child, value[child.Name], repetition, node.DefinitionLevel);
            }
        }
    }

    private void AddList(SchemaNode list, JsonArray values, int repetition)
    {
        SchemaNode repeated = list.Children[0];
        SchemaNode element = repeated.Children[0];
        if (values.Count == 0)
        {
            AddUndefined(repeated, repetition, list.DefinitionLevel);
        }

        for (int i = 0; i < values.Count; i++)
        {
            AddNode(element, values[i], i == 0 ? repetition : repeated.RepetitionLevel, repeated.DefinitionLevel);
        }
    }

    private void AddUndefined(SchemaNode node, int repetition, int definition)
    {
        foreach (SchemaNode leaf in SchemaTree.Leaves(node))
        {
            _columns[leaf.ColumnIndex].AddUndefined(repetition, definition);
        }
    }
}
